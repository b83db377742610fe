"""Mistakes to plant: (file, code as it stands, broken code), one small lie each.

Most of them were found in other people's Vision Transformers, or nearly made in this one. Each is
patched into a copy of the real source, where `test_mutations.py` wants it caught.
"""

LAYERS = "minivit/layers/"
MUTATIONS = [
    # Linear
    (LAYERS + "linear.py", 'y += params["b"]', "pass"),
    (LAYERS + "linear.py", "dx = rows @ w.T", "dx = rows @ w.T * 1.00001"),
    (LAYERS + "linear.py", '"b": token_sum(rows)}', '"b": rows.mean(axis=0)}'),
    (LAYERS + "linear.py", '"b": token_sum(rows)}', '"b": rows[-1].copy()}'),
    (LAYERS + "linear.py", '{"w": dw, "b"', '{"weight": dw, "b"'),
    (LAYERS + "init.py", "limit = math.sqrt(6 / (fan_in + fan_out))", "limit = math.sqrt(6 / fan_in)"),
    (LAYERS + "init.py", "rng is None else np.ones(shape)", "rng is None else np.zeros(shape)"),
    # Patchify: torch's order (channel, row, column); patches numbered column by column
    (
        LAYERS + "patchify.py",
        "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p * c)",
        "y = grid.transpose(0, 1, 3, 5, 2, 4).reshape(b, -1, p * p * c)",
    ),
    (
        LAYERS + "patchify.py",
        "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p * c)",
        "y = grid.transpose(0, 3, 1, 2, 4, 5).reshape(b, -1, p * p * c)",
    ),
    (
        LAYERS + "patchify.py",
        "return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c), {}",
        "return grid.reshape(-1, h, w, c), {}",
    ),
    # Class token and position: taken from the wrong end, forgotten, frozen, the mean for the sum
    (
        LAYERS + "tokens.py",
        'y[:, 0] = params["cls"]\n        y[:, 1:] = x',
        'y[:, -1] = params["cls"]\n        y[:, :-1] = x',
    ),
    (LAYERS + "tokens.py", "return dy[:, 1:], {", "return dy[:, :-1], {"),
    (LAYERS + "tokens.py", '{"cls": dy[:, 0].sum(axis=0)}', '{"cls": dy[:, 0].mean(axis=0)}'),
    (LAYERS + "tokens.py", "dtype=x.dtype)", ")"),
    (LAYERS + "tokens.py", '{"pos": dy.sum(axis=0)}', "{}"),
    (LAYERS + "tokens.py", '{"pos": dy.sum(axis=0)}', '{"pos": 0 * dy.sum(axis=0)}'),
    (LAYERS + "tokens.py", '{"pos": dy.sum(axis=0)}', '{"pos": dy[0]}'),
    (
        LAYERS + "tokens.py",
        'return x + params["pos"], None',
        'x += params["pos"]\n        return x, None',
    ),
    # LayerNorm
    (
        LAYERS + "layernorm.py",
        "rstd += self.eps",
        "rstd = (x * x).mean(-1, keepdims=True) - x.mean(-1, keepdims=True) ** 2 + self.eps",
    ),
    (LAYERS + "layernorm.py", "rstd += self.eps", "pass"),
    (LAYERS + "layernorm.py", "xp.sqrt(rstd)", "xp.sqrt(rstd * (x.shape[-1] / (x.shape[-1] - 1)))"),
    (LAYERS + "layernorm.py", "dx -= feature_mean(dx)", "pass"),
    (LAYERS + "layernorm.py", "dx -= xhat * stretch", "pass"),
    (LAYERS + "layernorm.py", "dx *= rstd", "pass"),
    (
        LAYERS + "layernorm.py",
        '{"gamma": dgamma, "beta": dbeta}',
        '{"gamma": dbeta, "beta": dgamma}',
    ),
    (LAYERS + "layernorm.py", "dx = dy * gamma  #", "dx = dy.copy()  #"),
    (LAYERS + "layernorm.py", "dx = dy * gamma  #", "dy *= gamma; dx = dy  #"),
    (LAYERS + "layernorm.py", "return y, (xhat, rstd", "return y, (y, rstd"),
    # Attention: no scale, the whole width's scale, float64 from a NumPy scalar, the wrong axis
    (LAYERS + "attention.py", "q *= 1 / math.sqrt(self.dim // self.heads)\n        p", "p"),
    (
        LAYERS + "attention.py",
        "q *= 1 / math.sqrt(self.dim // self.heads)",
        "q *= 1 / math.sqrt(self.dim)",
    ),
    (LAYERS + "attention.py", "k @ q.swapaxes(-1, -2)", "k @ q.swapaxes(-1, -2) * xp.float64(1)"),
    (LAYERS + "attention.py", "dq *= 1 / math.sqrt(self.dim // self.heads)", "pass"),
    (
        LAYERS + "attention.py",
        "s /= s.sum(axis=0)",
        "s /= s.sum(axis=-1, keepdims=True)",
    ),
    (LAYERS + "attention.py", "s -= s.max(axis=0)", "pass"),
    (
        LAYERS + "attention.py",
        "s -= s.max(axis=0)",
        "s -= s.max(axis=-1, keepdims=True)",
    ),
    (
        LAYERS + "attention.py",
        "ds -= (p * ds).sum(axis=0)",
        "ds -= (p * ds).sum(axis=-1, keepdims=True)",
    ),
    (LAYERS + "attention.py", "ds -= (p * ds).sum(axis=0)", "pass"),
    (LAYERS + "attention.py", "ds *= p", "pass"),
    (LAYERS + "attention.py", "dq, dk, dv = self.split(dqkv)", "dk, dq, dv = self.split(dqkv)"),
    (LAYERS + "attention.py", "q, k, v = self.split(qkv)", "k, q, v = self.split(qkv)"),
    (
        LAYERS + "attention.py",
        "xp.matmul(p, do, out=dv)",
        "xp.matmul(p.swapaxes(-1, -2), do, out=dv)",
    ),
    (
        LAYERS + "attention.py",
        'y, cache["proj"] = self.proj.forward(params["proj"], o)',
        'y, (_, cache["proj"]) = o, self.proj.forward(params["proj"], o)',
    ),
    (
        LAYERS + "attention.py",
        "(b, t, 3, self.heads, self.dim // self.heads)",
        "(b, t, 3, self.dim // self.heads, self.heads).swapaxes(-1, -2)",
    ),
    (LAYERS + "attention.py", 'cache.pop("heads")', 'cache["heads"]'),
    # GELU: the constant rounded, the cubic term dropped, one part of the derivative forgotten
    (LAYERS + "gelu.py", "ROOT = math.sqrt(2 / math.pi)", "ROOT = 0.8"),
    (LAYERS + "gelu.py", "CUBIC = 0.044715", "CUBIC = 0.0447"),
    (LAYERS + "gelu.py", "du *= 3 * ROOT * CUBIC", "du *= 0"),
    (LAYERS + "gelu.py", "du *= 3 * ROOT * CUBIC", "du *= ROOT * CUBIC"),
    (LAYERS + "gelu.py", "slope = 1.0 - t * t", "slope = 1.0 - t"),
    (LAYERS + "gelu.py", "slope *= dy\n        return slope", "dy *= slope\n        return dy"),
    (LAYERS + "gelu.py", "t = x * x\n", "x *= x; t = x\n"),
    (LAYERS + "gelu.py", "math.sqrt(0.5))", "0.7071)"),
    (LAYERS + "gelu.py", "dx *= math.sqrt(0.5 / math.pi)", "dx *= 0.4"),
    # Dropout: left on in evaluation, not scaled, another mask on the way back, a float64 mask
    (
        LAYERS + "dropout.py",
        "if rng is None or threshold == 0:",
        "from ..chance import Key\n        rng = rng or Key(0)\n        if threshold == 0:",
    ),
    (LAYERS + "dropout.py", "y *= scale", "pass"),
    (LAYERS + "dropout.py", "dx *= scale", "pass"),
    (LAYERS + "dropout.py", "dx = dy * mask", "dx = dy * ~mask"),
    (LAYERS + "dropout.py", "y = x * mask", 'y = x * mask.astype("float64")'),
    (LAYERS + "dropout.py", ">= threshold", "< threshold"),
    (
        LAYERS + "dropout.py",
        "rng.uint16(x.shape)",
        "__import__('numpy').random.randint(65536, size=x.shape)",
    ),
    ("minivit/chance.py", "self.first * counts", "0"),
    ("minivit/chance.py", "0, self.step, 0]", "0, 0, 0]"),
    ("minivit/chance.py", 'f"{self.path}.{name}"', "self.path"),
    # Mlp and block
    (
        LAYERS + "mlp.py",
        'h, cache["gelu"] = self.gelu.forward({}, h)',
        'h, cache["gelu"] = h, self.gelu.forward({}, h)[1]',
    ),
    (LAYERS + "mlp.py", 'at(rng, "drop2")', 'at(rng, "drop1")'),
    (LAYERS + "mlp.py", 'dh, _ = drop.backward(dh, cache.pop("drop1"))', 'cache.pop("drop1")'),
    (LAYERS + "block.py", "dx += dy\n", "pass\n"),
    (LAYERS + "block.py", "dx += dy\n", "dy += dx; dx = dy\n"),
    (LAYERS + "block.py", "dh += dx\n", "pass\n"),
    (LAYERS + "block.py", "h += x\n        return h, cache", "return h, cache"),
    (LAYERS + "block.py", "h += x\n        x = h\n", "x += h\n"),
    (
        LAYERS + "block.py",
        'self.norm2.forward(params["norm2"], x)',
        'self.norm2.forward(params["norm1"], x)',
    ),
    (
        LAYERS + "block.py",
        'self.mlp.forward(params["mlp"], h, at(rng, "mlp"))',
        'self.mlp.forward(params["mlp"], h)',
    ),
    # Pooling
    (LAYERS + "pool.py", "return x[:, 0], x.shape", "return x[:, -1], x.shape"),
    (LAYERS + "pool.py", "dx[:, 0] = dy", "dx[:, 1] = dy"),
    (LAYERS + "pool.py", "zeros(cache, dtype=dy.dtype)", "zeros(cache)"),
    (LAYERS + "pool.py", "(dy / cache[1])", "dy"),
    (LAYERS + "pool.py", "x.mean(axis=1)", "x.sum(axis=1)"),
    # The loss
    (
        LAYERS + "cross_entropy.py",
        "logp = logits - logits.max(axis=1, keepdims=True)",
        "logp = logits * 1.0",
    ),
    (LAYERS + "cross_entropy.py", "if self.smoothing:", "if False:"),
    (LAYERS + "cross_entropy.py", ", (p, q)", ", (p, self.soft_targets(targets, logits))"),
    (LAYERS + "cross_entropy.py", "+ self.smoothing / classes", "+ self.smoothing / (classes - 1)"),
    (LAYERS + "cross_entropy.py", "-(q * logp).sum() / logits.shape[0]", "-(q * logp).sum()"),
    (LAYERS + "cross_entropy.py", "dlogits *= dloss / p.shape[0]", "dlogits *= 1 / p.shape[0]"),
    (LAYERS + "cross_entropy.py", "dlogits *= dloss / p.shape[0]", "dlogits *= dloss"),
    (LAYERS + "cross_entropy.py", "p * q.sum(axis=1, keepdims=True)", "p * 1.0"),
    (LAYERS + "cross_entropy.py", "dlogits = p * q.sum(", "dlogits = p; dlogits *= q.sum("),
    (LAYERS + "cross_entropy.py", "if low < 0 or high >= classes:", "if high >= classes:"),
    (LAYERS + "cross_entropy.py", "targets.shape == (batch, classes) and", "targets.ndim == 2 and"),
    (LAYERS + "cross_entropy.py", "if isinstance(targets, np.ndarray) and batch:", "if batch:"),
    # The model
    ("minivit/vit.py", "x, at(rng, name))", "x, rng)"),
    ("minivit/vit.py", "x, at(rng, name))", "x, None)"),
    ("minivit/vit.py", "reversed(self.parts.items())", "reversed([*self.parts.items()][1:])"),
    ("minivit/vit.py", "part.backward(dx, cache.pop(name))", "part.backward(dx, cache[name])"),
    ("minivit/vit.py", '"norm": LayerNorm(c.dim),', ""),
    ("minivit/vit.py", '"dropout": Dropout(c.dropout),', ""),
    ("minivit/vit.py", 'images.dtype.kind != "f"', "False"),
]
