"""Mistakes to plant: {file: (code as it stands, broken code), ...}, one small lie each.

Most of them were found in other people's Vision Transformers, or nearly made in this one. Each is
patched into a copy of the real source, where `test_mutations.py` wants it caught.
"""

TABLE = {
    # a bias not added, or its gradient averaged or from one token; another name
    "minivit/layers/linear.py": [
        ('y += params["b"]', "pass"),
        ("dx = rows @ w.T", "dx = rows @ w.T * 1.00001"),
        ('"b": token_sum(rows)}', '"b": rows.mean(axis=0)}'),
        ('"b": token_sum(rows)}', '"b": rows[-1].copy()}'),
        ('{"w": dw, "b"', '{"weight": dw, "b"'),
    ],
    # the range of q, k, v drawn as one matrix of their joint width; gains of 0
    "minivit/layers/init.py": [
        ("limit = math.sqrt(6 / (fan_in + fan_out))", "limit = math.sqrt(6 / fan_in)"),
        ("rng is None else np.ones(shape)", "rng is None else np.zeros(shape)"),
    ],
    # float64 creeping into a float32 model
    "minivit/layers/sums.py": [
        ("ones(len(rows), dtype=x.dtype)", "ones(len(rows))"),
        ("1 / d, dtype=x.dtype", "1 / d"),
    ],
    # torch's order (channel, row, column); patches column by column; no way back
    "minivit/layers/patchify.py": [
        (
            "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p * c)",
            "y = grid.transpose(0, 1, 3, 5, 2, 4).reshape(b, -1, p * p * c)",
        ),
        (
            "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p * c)",
            "y = grid.transpose(0, 3, 1, 2, 4, 5).reshape(b, -1, p * p * c)",
        ),
        (
            "return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c), {}",
            "return grid.reshape(-1, h, w, c), {}",
        ),
    ],
    # the class token last, taken from the wrong end, or its gradient a mean; float64 from an
    # array without dtype; the position's gradient missing (never trained), zero, one image's
    "minivit/layers/tokens.py": [
        (
            'y[:, 0] = params["cls"]\n        y[:, 1:] = x',
            'y[:, -1] = params["cls"]\n        y[:, :-1] = x',
        ),
        ("return dy[:, 1:], {", "return dy[:, :-1], {"),
        ('{"cls": dy[:, 0].sum(axis=0)}', '{"cls": dy[:, 0].mean(axis=0)}'),
        ("dtype=x.dtype)", ")"),
        ('{"pos": dy.sum(axis=0)}', "{}"),
        ('{"pos": dy.sum(axis=0)}', '{"pos": 0 * dy.sum(axis=0)}'),
        ('{"pos": dy.sum(axis=0)}', '{"pos": dy[0]}'),
        ('return x + params["pos"], None', 'x += params["pos"]\n        return x, None'),
    ],
    # one-pass variance; no eps; n - 1; each of the terms of dx; gamma and beta swapped
    "minivit/layers/layernorm.py": [
        (
            "rstd += self.eps",
            "rstd = (x * x).mean(-1, keepdims=True) - x.mean(-1, keepdims=True) ** 2 + self.eps",
        ),
        ("rstd += self.eps", "pass"),
        ("xp.sqrt(rstd)", "xp.sqrt(rstd * (x.shape[-1] / (x.shape[-1] - 1)))"),
        ("dx -= feature_mean(dx)", "pass"),
        ("dx -= xhat * stretch", "pass"),
        ("dx *= rstd", "pass"),
        ('{"gamma": dgamma, "beta": dbeta}', '{"gamma": dbeta, "beta": dgamma}'),
        ("dx = dy * gamma  #", "dx = dy.copy()  #"),
        ("dx = dy * gamma  #", "dy *= gamma; dx = dy  #"),
        ("return y, (xhat, rstd", "return y, (y, rstd"),
    ],
    # no scale, the scale of the whole width, or a NumPy scalar's float64; softmax over
    # queries, without its maximum; heads interleaved; no projection; a cache that is kept
    "minivit/layers/attention.py": [
        ("q *= 1 / math.sqrt(self.dim // self.heads)\n        p", "p"),
        (
            "        q *= 1 / math.sqrt(self.dim // self.heads)",
            "        q *= 1 / math.sqrt(self.dim)",
        ),
        ("softmax(self.keys_first(k, q))", "softmax(self.keys_first(k, q) * xp.float64(1))"),
        ("dq *= 1 / math.sqrt(self.dim // self.heads)", "pass"),
        ("s /= s.sum(axis=0)", "s /= s.sum(axis=-1, keepdims=True)"),
        ("s -= s.max(axis=0)", "pass"),
        ("s -= s.max(axis=0)", "s -= s.max(axis=-1, keepdims=True)"),
        ("ds -= (p * ds).sum(axis=0)", "ds -= (p * ds).sum(axis=-1, keepdims=True)"),
        ("ds -= (p * ds).sum(axis=0)", "pass"),
        ("ds *= p", "pass"),
        ("dq, dk, dv = self.split(dqkv)", "dk, dq, dv = self.split(dqkv)"),
        ("q, k, v = self.split(qkv)", "k, q, v = self.split(qkv)"),
        ("xp.matmul(by_head(p), do, out=dv)", "xp.matmul(by_head(p).swapaxes(-1, -2), do, out=dv)"),
        (
            'y, cache["proj"] = self.proj.forward(params["proj"], o)',
            'y, (_, cache["proj"]) = o, self.proj.forward(params["proj"], o)',
        ),
        (
            "(b, t, 3, self.heads, self.dim // self.heads)",
            "(b, t, 3, self.dim // self.heads, self.heads).swapaxes(-1, -2)",
        ),
        ('cache.pop("heads")', 'cache["heads"]'),
    ],
    # constants rounded, the cubic term dropped, parts of the slope; writing on x or dy
    "minivit/layers/gelu.py": [
        ("ROOT = math.sqrt(2 / math.pi)", "ROOT = 0.8"),
        ("CUBIC = 0.044715", "CUBIC = 0.0447"),
        ("slope *= 2 * 3 * ROOT * CUBIC", "slope *= 0"),
        ("slope *= 2 * 3 * ROOT * CUBIC", "slope *= 2 * ROOT * CUBIC"),
        ("dx *= s\n", "pass\n"),
        (
            "dx += s\n        dx *= dy\n        return dx",
            "dx += s\n        dy *= dx\n        return dy",
        ),
        ("s = x * x\n", "x *= x; s = x\n"),
        ("return x * s, (x, s)", "y = s; y *= x\n        return y, (x, s)"),
        ("math.sqrt(0.5))", "0.7071)"),
        ("dx *= math.sqrt(0.5 / math.pi)", "dx *= 0.4"),
    ],
    # left on in evaluation; unscaled; another mask backward; a float64 mask; the rest kept
    "minivit/layers/dropout.py": [
        (
            "if rng is None or threshold == 0:",
            "from ..chance import Key\n        rng = rng or Key(0)\n        if threshold == 0:",
        ),
        ("y *= scale", "pass"),
        ("dx *= scale", "pass"),
        ("dx = dy * mask\n", "dx = dy * ~mask\n"),
        ("y = x * mask", 'y = x * mask.astype("float64")'),
        (">= threshold", "< threshold"),
        ("rng.uint16(x.shape)", "__import__('numpy').random.randint(65536, size=x.shape)"),
    ],
    # masks that depend on the cut, repeat each step, or are one for all layers
    "minivit/chance.py": [
        ("self.first * counts", "0"),
        ("0, self.step, 0]", "0, 0, 0]"),
        ('f"{self.path}.{name}"', "self.path"),
    ],
    # no GELU; one mask at two places; dropout forgotten on the way back
    "minivit/layers/mlp.py": [
        (
            'h, cache["gelu"] = self.gelu.forward({}, h)',
            'h, cache["gelu"] = h, self.gelu.forward({}, h)[1]',
        ),
        ('at(rng, "drop2")', 'at(rng, "drop1")'),
        ('dh, _ = drop.backward(dh, cache.pop("drop1"))', 'cache.pop("drop1")'),
    ],
    # a residual dropped, forward or backward; a sum written on another's array
    "minivit/layers/block.py": [
        ("dx += dy\n", "pass\n"),
        ("dx += dy\n", "dy += dx; dx = dy\n"),
        ("dh += dx\n", "pass\n"),
        ("h += x\n        return h, cache", "return h, cache"),
        ("h += x\n        x = h\n", "x += h\n"),
        ('self.norm2.forward(params["norm2"], x)', 'self.norm2.forward(params["norm1"], x)'),
        (
            'self.mlp.forward(params["mlp"], h, at(rng, "mlp"))',
            'self.mlp.forward(params["mlp"], h)',
        ),
    ],
    # the wrong token; float64; a sum for a mean
    "minivit/layers/pool.py": [
        ("return x[:, 0], x.shape", "return x[:, -1], x.shape"),
        ("dx[:, 0] = dy\n", "dx[:, 1] = dy\n"),
        ("zeros(cache, dtype=dy.dtype)", "zeros(cache)"),
        ("(dy / cache[1])", "dy"),
        ("x.mean(axis=1)", "x.sum(axis=1)"),
    ],
    # no maximum; smoothing forgotten here or there; dloss or the batch ignored;
    # p taken for its own; unchecked targets; a check that waits for the device
    "minivit/layers/cross_entropy.py": [
        ("logp = logits - logits.max(axis=1, keepdims=True)", "logp = logits * 1.0"),
        ("if self.smoothing:", "if False:"),
        (", (p, q)", ", (p, self.soft_targets(targets, logits))"),
        ("+ self.smoothing / classes", "+ self.smoothing / (classes - 1)"),
        ("-(q * logp).sum() / logits.shape[0]", "-(q * logp).sum()"),
        ("dlogits *= dloss / p.shape[0]", "dlogits *= 1 / p.shape[0]"),
        ("dlogits *= dloss / p.shape[0]", "dlogits *= dloss"),
        ("p * q.sum(axis=1, keepdims=True)", "p * 1.0"),
        ("dlogits = p * q.sum(", "dlogits = p; dlogits *= q.sum("),
        ("if low < 0 or high >= classes:", "if high >= classes:"),
        ("targets.shape == (batch, classes) and", "targets.ndim == 2 and"),
        ("if isinstance(targets, np.ndarray) and batch:", "if batch:"),
    ],
    # masks shared by the blocks, or none; a part skipped; a cache that is kept
    "minivit/vit.py": [
        ("x, at(rng, name))", "x, rng)"),
        ("x, at(rng, name))", "x, None)"),
        ("reversed(self.parts.items())", "reversed([*self.parts.items()][1:])"),
        ("part.backward(dx, cache.pop(name))", "part.backward(dx, cache[name])"),
        ('"norm": LayerNorm(c.dim),', ""),
        ('"dropout": Dropout(c.dropout),', ""),
        ('images.dtype.kind != "f"', "False"),
    ],
}
MUTATIONS = [(file, *pair) for file, pairs in TABLE.items() for pair in pairs]
