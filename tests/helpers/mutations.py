"""Mistakes to plant: {file: [(code, broken code), ...]}, with one mistake each.

Most of them were found in other Vision Transformers, or nearly made in this one. Each is patched
into a copy of the source, and `test_mutations.py` checks that a test detects it. The mistakes that
the exercises name are planted too; they stand in `minivit/exercises/mistakes/` only.
"""

from mutations_convolution import TABLE as CONVOLUTION
from mutations_masked import TABLE as MASKED
from mutations_residual import TABLE as RESIDUAL

from minivit.exercises.catalogue import EXERCISES
from minivit.exercises.mistakes import MISTAKES

TABLE = {
    # a bias not added; a small factor; another name
    "minivit/layers/linear.py": [
        ('y += params["b"]', "pass"),
        ("dx = rows @ w.T", "dx = rows @ w.T * 1.00001"),
        ('{"w": dw, "b"', '{"weight": dw, "b"'),
    ],
    # the range of q, k, v drawn as one matrix of their joint width; gains of 0
    "minivit/layers/draws.py": [
        ("limit = math.sqrt(6 / (fan_in + fan_out))", "limit = math.sqrt(6 / fan_in)"),
        ("rng is None else np.ones(shape)", "rng is None else np.zeros(shape)"),
    ],
    # float64 creeping into a float32 model
    "minivit/layers/sums.py": [
        ("ones(len(rows), dtype=x.dtype)", "ones(len(rows))"),
        ("ones(d, dtype=x.dtype)", "ones(d)"),
        ("* (1 / x.shape[-1])", "* (x.shape[-1] / x.size)"),
        ("* (1 / x.shape[-1])", "* 1.0"),
    ],
    # the rest beyond the last edge, or a number at each edge, left out; a first block skipped;
    # numbers of a strided array in the order of memory
    "minivit/layers/pieces.py": [
        ("range(0, flat[0].size, size)", "range(0, flat[0].size - flat[0].size % size, size)"),
        ("range(0, flat[0].size, size)", "range(0, max(1, flat[0].size - 1), size)"),
        ("range(0, flat[0].size, size)", "range(size, flat[0].size, size)"),
        ("array[start : start + size]", "array[start : start + size - 1]"),
        ("array[start : start + size]", "array[start : start + size + 1]"),
        ("array.reshape(-1)", 'array.ravel(order="K")'),
        ("isinstance(flat[0], np.ndarray)", "True"),
    ],
    # torch's order (channel, row, column); patches column by column
    "minivit/layers/patchify.py": [
        (
            "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * q * c)",
            "y = grid.transpose(0, 1, 3, 5, 2, 4).reshape(b, -1, p * q * c)",
        ),
        (
            "y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * q * c)",
            "y = grid.transpose(0, 3, 1, 2, 4, 5).reshape(b, -1, p * q * c)",
        ),
    ],
    # the image in a corner of its border; rows for columns; patches too far apart; what another
    # patch said of a pixel forgotten; the border handed back as if it were the image
    "minivit/layers/overlapping.py": [
        ("padded[:, o : o + h, o : o + w] = x", "padded[:, :h, :w] = x"),
        (
            "y[:, i, j] = padded[:, self.rows(i), self.columns(j)]",
            "y[:, i, j] = padded[:, self.rows(i), self.columns(i)]",
        ),
        ("start = i * self.height", "start = i * (self.height + self.overlap)"),
        ("start = j * self.width", "start = j * self.height"),
        ("+= dy[:, i, j]", "= dy[:, i, j]"),
        ("return dpadded[:, o : o + h, o : o + w], {}", "return dpadded[:, :h, :w], {}"),
    ],
    # the class token last, taken from the wrong end, or its gradient a mean; float64 from an
    # array without dtype; the position's gradient missing (never trained); the sum written on x
    "minivit/layers/tokens.py": [
        (
            'y[:, 0] = params["cls"]\n        y[:, 1:] = x',
            'y[:, -1] = params["cls"]\n        y[:, :-1] = x',
        ),
        ("return dy[:, 1:], {", "return dy[:, :-1], {"),
        ('{"cls": dy[:, 0].sum(axis=0)}', '{"cls": dy[:, 0].mean(axis=0)}'),
        ("dtype=x.dtype)", ")"),
        ('{"pos": dy.sum(axis=0)}', "{}"),
        ('return x + params["pos"], None', 'x += params["pos"]\n        return x, None'),
    ],
    # one-pass variance; no eps; n - 1; a cache or dy written on; a cache of what is returned
    "minivit/layers/layernorm.py": [
        (
            "var = feature_mean(squares)",
            "var = (x * x).mean(-1, keepdims=True) - x.mean(-1, keepdims=True) ** 2",
        ),
        ("xp.sqrt(var + self.eps)", "xp.sqrt(var)"),
        ("xp.sqrt(var + self.eps)", "xp.sqrt(var * (self.dim / (self.dim - 1)) + self.eps)"),
        ("dx = dxhat - mean_dxhat", "xhat -= mean_dxhat; dx = dxhat - mean_dxhat"),
        ("dxhat = dy * gamma", "dy *= gamma; dxhat = dy"),
        ("return y, (xhat, rstd", "return y, (y, rstd"),
    ],
    # no scale, twice, here or there, that of the whole width, or a NumPy scalar's float64; scaled
    # in place, where a cache holds it; sums of other queries, or none; softmax over queries,
    # without its maximum; heads interleaved; no projection; a cache that is kept
    "minivit/layers/attention.py": [
        ("scaled *= self.scale", "pass"),
        ("1 / math.sqrt(self.dim // self.heads)", "1 / math.sqrt(self.dim)"),
        (
            "1 / math.sqrt(self.dim // self.heads)",
            "1 / __import__('numpy').sqrt(self.dim // self.heads)",
        ),
        ("softmax(self.scores(k, q))", "softmax(self.scores(k, q) * self.scale)"),
        ("softmax(self.scores(k, q))", "softmax(self.scores(k, q) * xp.float64(1))"),
        ("dp = self.scores(v, do)", "dp = self.scores(v, do) * self.scale"),
        ("reshape(b, t, self.heads, -1)) * self.scale", "reshape(b, t, self.heads, -1))"),
        ('q.swapaxes(-1, -2).copy(order="C")', "q.swapaxes(-1, -2)"),
        ('q.swapaxes(-1, -2).copy(order="C")', "xp.ascontiguousarray(q.swapaxes(-1, -2))"),
        ("mean_dp[..., 0].transpose(0, 2, 1)", "mean_dp.reshape(b, self.heads, t)"),
        ("mean_dp[..., 0].transpose(0, 2, 1)", "mean_dp[::-1, :, :, 0].transpose(0, 2, 1)"),
        ("feature_sum((do * o)", "feature_sum((do * do)"),
        ("1.0 / exp_s.sum(axis=0)", "1.0 / exp_s.sum(axis=-1, keepdims=True)"),
        ("s -= s.max(axis=0)", "pass"),
        ("s -= s.max(axis=0)", "s -= s.max(axis=-1, keepdims=True)"),
        ("dp -= mean_dp", "dp -= mean_dp.swapaxes(-1, -2).reshape(mean_dp.shape)"),
        ("ds = xp.multiply(p, dp, out=dp)", "ds = xp.multiply(p, dp, out=p)"),
        ("q, k, v = self.split_qkv(qkv)", "k, q, v = self.split_qkv(qkv)"),
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
    # constants rounded, parts of the slope; 0 times infinity; y for x, or the gate for y; a slope
    # that is kept in evaluation too, or in neither; writing on x, dy or a cache
    "minivit/layers/gelu.py": [
        ("ROOT = math.sqrt(2 / math.pi)", "ROOT = 0.8"),
        ("CUBIC = 0.044715", "CUBIC = 0.0447"),
        ("factor += ROOT  #", "factor += 1.0  #"),
        ("xp.multiply(u, 6.0, out=u)", "xp.multiply(u, 2.0, out=u)"),
        ("multiply(near, 4 * ROOT", "multiply(near, 2 * ROOT"),
        ("two_x_slope_u -= xp.multiply(near, 4 * ROOT, out=near)  #", "pass  #"),
        ("near = xp.clip(x_piece, -100.0, 100.0, out=slope_piece)", "near = x_piece.copy()"),
        ("xp.clip(x_piece, -100.0, 100.0, out", "xp.clip(x_piece, -2.0, 2.0, out"),
        ("x_slope_s *= two_x_slope_u", "pass"),
        ("xp.multiply(x_piece, s, out=y_piece)", "pass"),
        ("y_piece *= x_piece", "pass"),
        ("return y, (x, None)", "return y, (y, None)"),
        ("if key is not None:", "if True:"),
        ("if key is not None:", "if False:"),
        ("return y, (None, slope)", "return y.copy(), (None, y)"),
        ("_, slope = output_and_slope(x)", "slope, _ = output_and_slope(x)"),
        ("return dy * slope, {}", "slope *= dy\n        return slope, {}"),
        ("return dy * slope, {}", "dy *= slope\n        return dy, {}"),
        ("xp.multiply(x, x, out=u)", "xp.multiply(x, x, out=x)"),
        ("y, slope = (xp.empty(x.shape, dtype=x.dtype)", "y, slope = (xp.empty(x.shape)"),
        ("u = xp.empty(x_piece.shape, dtype=x.dtype)", "u = x_piece"),
        ("math.sqrt(0.5))", "0.7071)"),
        ("density *= math.sqrt(0.5 / math.pi)", "density *= 0.4"),
        ("xp.multiply(dy, slope, out=slope), {}", "xp.multiply(dy, slope, out=dy), {}"),
        ("slope = xp.multiply(x, density, out=density)", "slope = xp.multiply(x, density, out=x)"),
    ],
    # left on in evaluation; unscaled; another mask backward; a float64 mask; the rest kept
    "minivit/layers/dropout.py": [
        (
            "if key is None or threshold == 0:",
            "key = key or __import__('minivit').Key(0)\n        if threshold == 0:",
        ),
        ("y *= scale", "pass"),
        ("y = x * mask", 'y = x * mask.astype("float64")'),
        (">= threshold", "< threshold"),
        ("key.uint16(x.shape)", "__import__('numpy').random.randint(65536, size=x.shape)"),
    ],
    # left on in evaluation; numbers dropped for images; unscaled; forgotten backward; float64
    "minivit/layers/drop_path.py": [
        (
            "if key is None or self.rate == 0:",
            "key = key or __import__('minivit').Key(0)\n        if self.rate == 0:",
        ),
        ("(len(x), *[1] * (x.ndim - 1))", "x.shape"),
        ("return x * keep, keep", "return x * (keep > 0), keep"),
        ("dy * cache), {}", "dy), {}"),
        ("dtype=x.dtype)", "dtype=float)"),
    ],
    # left on in evaluation; the class token dropped too; one draw for all images, or a new one
    # backward; gradients at the front; float64
    "minivit/layers/patch_dropout.py": [
        (
            "if key is None or self",
            "key = key or __import__('minivit').Key(0)\n        if self",
        ),
        ("numbers[:, : self.prefix_tokens] = 0", "pass"),
        ("tokens.sort(axis=1)", "pass"),
        ("max(1, patches", "max(0, patches"),
        ("key.uint16((b, t))", "key.uint16((1, t)).repeat(b, axis=0)"),
        (
            "key.uint16((b, t))",
            "__import__('numpy').random.randint(65536, size=(b, t)).astype('uint16')",
        ),
        ("dx[self.kept(key, shape, xp)] = dy", "dx[:, : dy.shape[1]] = dy"),
        ("xp.zeros(shape, dtype=dy.dtype)", "xp.zeros(shape)"),
    ],
    # a head that is no longer zero; variance 1; the identity added, not taken; a square root
    # forgotten; one head for all; a class token that stands somewhere
    "minivit/start/normal.py": [
        ("if tree.is_decayed(name) and leaf.any():", "if tree.is_decayed(name):"),
    ],
    "minivit/start/mimetic.py": [
        ("/ math.sqrt(dim)", "* 1.0"),
        ("- 0.4 * eye", "+ 0.4 * eye"),
        ("vt.T * np.sqrt(s)", "vt.T * s"),
        ("wq[:, head] = left", "wq[:, 0] = left"),
        ('positions["pos"][...] = 0.0', "pass"),
    ],
    # masks that depend on the cut, repeat each step, or are one for all layers
    "minivit/arrays/keys.py": [
        ("self.first * counts", "0"),
        ("0, self.step, 0]", "0, 0, 0]"),
        ('f"{self.path}.{name}"', "self.path"),
    ],
    # no GELU, or one that is not told of training; one mask at two places; dropout forgotten on
    # the way back
    "minivit/layers/mlp.py": [
        (
            'h, cache["gelu"] = self.gelu.forward({}, h, at(key, "gelu"))',
            'h, cache["gelu"] = h, self.gelu.forward({}, h, at(key, "gelu"))[1]',
        ),
        ('self.gelu.forward({}, h, at(key, "gelu"))', "self.gelu.forward({}, h)"),
        ('at(key, "drop2")', 'at(key, "drop1")'),
        ('dh, _ = drop.backward(dh, cache.pop("drop1"))', 'cache.pop("drop1")'),
    ],
    # a residual dropped, forward or backward; a sum written on another's array; one path for both
    # branches, forgotten on the way back, or after the sum
    "minivit/layers/block.py": [
        ("dx = xp.add(dy, dh, out=dh)", "dx = xp.add(dy, dh, out=dy)"),
        ("y = xp.add(x, h, out=h)", "y = h"),
        ("x = xp.add(x, h, out=h)  #", "x = xp.add(x, h, out=x)  #"),
        ('self.norm2.forward(params["norm2"], x)', 'self.norm2.forward(params["norm1"], x)'),
        (
            'self.mlp.forward(params["mlp"], h, at(key, "mlp"))',
            'self.mlp.forward(params["mlp"], h)',
        ),
        ('at(key, "path2")', 'at(key, "path1")'),
        (
            'h, cache["path2"] = path.forward({}, h, at(key, "path2"))\n',
            'x, cache["path2"] = path.forward({}, x, at(key, "path2"))\n',
        ),
    ],
    # pixels skipped; half a pixel off; rows that do not sum to 1; the ends one step too far; the
    # cubic of another program; samples beyond the edge forgotten; too few neighbours; rows and
    # columns exchanged; tokens that are on no grid moved, or lost
    "minivit/arrays/interpolation.py": [
        ("/ max(step, 1)", ""),
        ("+ 0.5) * step - 0.5", "+ 0.5) * step"),
        (
            "- 0.5  # in samples of x\n    weights = (1 -",
            "- 0.5  # in samples of x\n    weights = (2 -",
        ),
        ("np.linspace(0, old - 1, new)", "np.linspace(0, old, new)"),
        ("cubic(j - centre, -0.75)", "cubic(j - centre, -0.5)"),
        ("min(max(j, 0), old - 1)] +=", "min(max(j, 0), old - 1)] ="),
        ("cubic((j + 0.5 - centre) / stretch, -0.5)", "cubic((j + 0.5 - centre) / stretch, -0.75)"),
        ("int(centre + 2 * stretch + 0.5)", "int(centre + 1 * stretch + 0.5)"),
        ("stretch = max(1.0, old / new)", "stretch = 1.0"),
        (
            "np.kron(way(old[0], new[0]), way(old[1], new[1]))",
            "np.kron(way(old[1], new[1]), way(old[0], new[0]))",
        ),
        ("matrix[:prefix, :prefix] = np.eye(prefix)", "pass"),
        ("= np.eye(suffix)", "= 0"),
    ],
    # the gradient of a position at its own place only; the class token counted as a patch; the
    # wrong way; float64
    "minivit/layers/resampled_positions.py": [
        (
            '{"pos": self.matrix(dy).T @ dy.sum(axis=0)}',
            '{"pos": self.matrix(dy).T @ dy.mean(axis=0)}',
        ),
        ("WAYS[way], old, new, prefix)", 'WAYS["bilinear"], old, new, prefix)'),
        (".astype(dtype), xp)", ", xp)"),
        ('x + self.matrix(x) @ params["pos"]', 'x + (self.matrix(x) > 0) @ params["pos"]'),
    ],
    # an image transposed; the class token moved; another image's gradient
    "minivit/training/early_steps.py": [
        ("return small.reshape(b, s, c, s).swapaxes(2, 3)", "return small.reshape(b, s, s, c)"),
        ("ResampledPositions(*sizes, config.prefix_tokens)", "ResampledPositions(*sizes, 0)"),
        ("self.matrix(dsmall).T)", "self.matrix(dsmall)[::-1].T)"),
        ("self.pixels.astype(x.dtype)", "self.pixels"),
    ],
    # the wrong token; float64; a sum for a mean; softmax over images; each of the terms of ds, dx
    "minivit/layers/pool.py": [
        ("return x[:, 0], x.shape", "return x[:, -1], x.shape"),
        ("dx[:, 0] = dy\n", "dx[:, 1] = dy\n"),
        ("zeros(cache, dtype=dy.dtype)", "zeros(cache)"),
        ("(dy / cache[1])", "dy"),
        ("x.mean(axis=1)", "x.sum(axis=1)"),
        ("softmax(s.T).T", "softmax(s)"),
        ("dp - (p * dp).sum(axis=1, keepdims=True)", "dp"),
        ("ds = p * (dp - (p", "ds = (dp - (p"),
        ("dx += ds[:, :, None] * w[:, 0]", "pass"),
        ("dx = p[:, :, None] * dy[:, None]", "dx = dy[:, None] / x.shape[1] + 0 * p[:, :, None]"),
    ],
    # no tanh; the slope of another function; a cache of what is returned
    "minivit/layers/pre_logits.py": [
        ("y = array_module(x).tanh(h, out=h)", "y = h"),
        ("1.0 - y * y", "1.0 - y"),
        ("dh = dy * slope", "dh = dy"),
    ],
    # the class token counted as a patch; row for column; sums over the wrong axis; cosines left
    # out; columns that are rows; waves of another speed
    "minivit/layers/grid_positions.py": [
        ("return x[:, self.prefix_tokens :]", "return x[:, : len(x[0]) - self.prefix_tokens]"),
        (
            'grid[..., :half] += params["row"][:, None]',
            'grid[..., :half] += params["row"][:1, None]',
        ),
        ('grid[..., half:] += params["column"]', "pass"),
        ("drow = dgrid[..., :half].sum(axis=1)", "drow = dgrid[..., :half].mean(axis=1)"),
        ("dgrid[..., half:].sum(axis=0)", "dgrid[..., half:][0]"),
        ("self.grid(dy).sum(axis=0)", "self.grid(dy).mean(axis=0)"),
        (
            "np.concatenate([np.sin(angles), np.cos(angles)], axis=1)",
            "np.concatenate([np.sin(angles), np.sin(angles)], axis=1)",
        ),
        ("np.repeat(axis(rows), columns, axis=0)", "np.tile(axis(rows), (columns, 1))"),
        ("-np.arange(quarter) / quarter", "-np.arange(quarter) / dim"),
        ("np.zeros((prefix, dim)), sincos(rows", "np.ones((prefix, dim)), sincos(rows"),
    ],
    # the bias of key and query exchanged; of the wrong head; forgotten in backward, or with the
    # factor of the scores; the class token's pairs mixed up; the padding taken for a pair
    "minivit/layers/relative.py": [
        (
            'params["bias"][:, index].transpose(1, 0, 2)',
            'params["bias"][:, index].transpose(2, 0, 1)',
        ),
        ("[:, None]  # (T keys, 1, heads", "[:, None, ::-1]  # (T keys, 1, heads"),
        ("s += params", "s = s + 0 * params"),
        ('grads["bias"] = self.bias_gradient(ds)', 'grads["bias"] = 0 * self.bias_gradient(ds)'),
        ("* math.sqrt(self.dim // self.heads)", "* 1.0"),
        ("ds.sum(axis=1)", "ds.mean(axis=1)"),
        ("xp.concatenate([sums, xp.zeros(", "xp.concatenate([sums, xp.ones("),
        ("row[None, :] - row[:, None]", "row[:, None] - row[None, :]"),
        ("column[None, :] - column[:, None]", "abs(column[None, :] - column[:, None])"),
        ("down * (2 * columns - 1) + right", "down * (2 * rows - 1) + right"),
        (
            "index[0, :], index[0, 0] = count, count + 1,",
            "index[0, :], index[0, 0] = count, count,",
        ),
        (
            "pairs[offset, :size] = order[start : start + size]",
            "pairs[offset, :1] = order[start : start + 1]",
        ),
        ("dp -= mean_dp", "pass"),
        ("by_head(ds).swapaxes(-1, -2), k, out=dq", "by_head(ds), k, out=dq"),
        (
            'object.__setattr__(self, "attn", RelativeAttention(self.dim, self.heads, **grid))',
            "pass",
        ),
    ],
    # no GELU; its slope left out
    "minivit/layers/head_hidden.py": [
        (
            'y, cache["gelu"] = self.gelu.forward({}, h, at(key, "gelu"))',
            'y, cache["gelu"] = h, self.gelu.forward({}, h, at(key, "gelu"))[1]',
        ),
        ('dh, _ = self.gelu.backward(dy, cache.pop("gelu"))', 'dh = dy; cache.pop("gelu")'),
    ],
    # no maximum; smoothing forgotten here or there; dloss or the batch ignored;
    # p taken for its own; unchecked targets; a check that waits for the device
    "minivit/layers/cross_entropy.py": [
        ("shifted = logits - logits.max(axis=1, keepdims=True)", "shifted = logits * 1.0"),
        ("q = (1 - self.smoothing) * target + self.smoothing / classes", "q = target"),
        (", (p, q)", ", (p, self.soft_targets(targets, logits))"),
        ("+ self.smoothing / classes", "+ self.smoothing / (classes - 1)"),
        ("-(q * logp).sum() / logits.shape[0]", "-(q * logp).sum()"),
        ("xp.where(q > 0, logp,", "xp.where(q >= 0, logp,"),
        ("dlogits = p * q.sum(", "dlogits = p; dlogits *= q.sum("),
        ("if low < 0 or high >= classes:", "if high >= classes:"),
        ("targets.shape == (batch, classes) and", "targets.ndim == 2 and"),
        ("if isinstance(targets, np.ndarray) and batch:", "if batch:"),
    ],
    # a sum for a mean; half of the gradient; the batch counted alone; dloss forgotten
    "minivit/layers/squared_error.py": [
        ("(away * away).sum() / away.size", "(away * away).sum() / len(away)"),
        ("(away * away).sum()", "abs(away).sum()"),
        ("dloss * 2 / cache.size", "dloss / cache.size"),
        ("dloss * 2 / cache.size", "2 / cache.size"),
        ("targets.astype(outputs.dtype)", "targets"),
    ],
    # exp that overflows; the sign of the target; a sum for a mean; p of the other sign; float64
    "minivit/layers/sigmoid_cross_entropy.py": [
        ("xp.log1p(xp.exp(-abs(logits)))", "xp.log1p(xp.exp(abs(logits)))"),
        ("- t * logits", "+ t * logits"),
        ("nats.sum() / logits.size", "nats.sum() / len(logits)"),
        ("xp.where(logits >= 0, xp.ones_like(small), small)", "xp.ones_like(small)"),
        ("(p - t) * (dloss / p.size)", "(p - t) * p * (1 - p) * (dloss / p.size)"),
        ("(p - t) * (dloss / p.size)", "(p - t) / p.size"),
        ("targets.astype(logits.dtype)", "targets"),
        ("small = xp.exp(-abs(logits))", "small = xp.exp(-logits)"),
    ],
    # masks shared by the blocks, or none; a part skipped; a cache that is kept; every path as
    # rarely taken as the last; a class token that is dropped as a patch is
    "minivit/vit.py": [
        ("x, at(key, name))", "x, key)"),
        ("x, at(key, name))", "x, None)"),
        ("reversed(self.parts.items())", "reversed([*self.parts.items()][1:])"),
        ("part.backward(dx, cache.pop(name))", "part.backward(dx, cache[name])"),
        ('parts["norm"] = LayerNorm(c.dim, c.norm_eps)', "pass"),
        ('parts["norm"] = LayerNorm(c.dim, c.norm_eps)', 'parts["norm"] = LayerNorm(c.dim)'),
        ("drop_path, c.norm_eps", "drop_path"),
        ('parts["pre_logits"] = PreLogits(c.dim, c.pre_logits)', "pass"),
        ('parts["head_hidden"] = HeadHidden(c.dim, c.head_hidden, gelu)', "pass"),
        ("HeadHidden(c.dim, c.head_hidden, gelu)", "HeadHidden(c.dim, c.head_hidden)"),
        ("GridPositions(*c.grid, c.dim, c.prefix_tokens)", "GridPositions(*c.grid, c.dim, 0)"),
        ("SincosPositions(*c.grid, c.dim, c.prefix_tokens)", "PositionEmbedding(c.tokens, c.dim)"),
        ("RelativeBlock(*sizes, *c.grid, c.prefix_tokens)", "TransformerBlock(*sizes)"),
        ("c.position in EVERY_BLOCK and i", "False"),
        ("c.position in EVERY_BLOCK and i", "c.position in EVERY_BLOCK"),
        ('return "position" if shared else name', "return name"),
        ("tree.map(add, grads[owner], grads.pop(name))", "grads.pop(name)"),
        ('parts["dropout"] = Dropout(c.dropout)', "pass"),
        ('images.dtype.kind != "f"', "False"),
        ("c.drop_path * i / max(1, c.depth - 1)", "c.drop_path"),
        ("PatchDropout(c.patch_dropout, c.prefix_tokens)", "PatchDropout(c.patch_dropout, 0)"),
    ],
    # a kink that excuses any error, or none; a curve taken for a kink
    "minivit/checking/kinks.py": [
        ("error <= EXPLAINED * np.abs(bends) + ERROR * scale", "error >= 0"),
        ("> SPREAD * np.abs(curvatures).max()", "> -1"),
        ("> SPREAD * np.abs(curvatures).max()", "> 1e300"),
        ("STEPS = (1.0, 0.5, 2.0)", "STEPS = (1.0, 0.5)"),
        ("| (np.abs(bends) > BEND * scale)", ""),
        ("len(kinks) > max(1, value.size // 2)", "False"),
    ],
    # directions that are not of length 1 on one side; leaves that stay moved
    "minivit/checking/directions.py": [
        ("(gradients[name] * direction).sum()", "(gradients[name] * direction).mean()"),
        ("+= far * direction", "+= direction"),
        ("self.arrays[name][...] = start", "pass"),
    ],
    **CONVOLUTION,
    **MASKED,
    **RESIDUAL,
}
NAMED = {  # as a dict, because two exercises share the mistakes in attention's softmax
    (f"minivit/{EXERCISES[name].file}", mistake.code, mistake.broken): None
    for name, mistakes in MISTAKES.items()
    for mistake in mistakes
}
MUTATIONS = [*((file, *pair) for file, pairs in TABLE.items() for pair in pairs), *NAMED]
