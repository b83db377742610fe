"""Mistakes in attention, the transformer block, the whole model and AdamW."""

TWO_LINES = """dp -= mean_dp
        ds = xp.multiply(p, dp, out=dp)"""
PART = "dx, grads[name] = part.backward(dx, cache.pop(name))"
PASSED = "d, grads[name] = part.backward(dx, cache.pop(name)); dx = "  # and then: what is passed on
FIRST = 'xp, m, v = array_module(vector), state["m"], state["v"]'
CORRECT_V = "root /= math.sqrt(1 - self.beta2**step)  #"
CORRECT_M = "change *= lr / (1 - self.beta1**step)"
DECAY = "vector *= 1 - lr * decay"

MISTAKES = {  # exercise: [(code, broken code, what it means), ...]
    "softmax": [
        (
            "dp -= mean_dp",
            "pass",
            "mean_dp is missing: a score changes all weights of its query, not only its own",
        ),
        ("ds = xp.multiply(p, dp, out=dp)", "ds = dp", "the factor p is missing"),
        (
            "dp -= mean_dp",
            "dp -= (p * dp).sum(axis=-1, keepdims=True)",
            "the sum runs over queries; p is a softmax over keys, the first axis",
        ),
        (
            "dp -= mean_dp",
            "dp -= dp.mean(axis=0)",
            "the mean of dp has equal weights; its weights must be p",
        ),
        (
            "dp -= mean_dp",
            "dp -= dp.sum(axis=0)",
            "the sum of dp is subtracted; it must be the sum of p * dp",
        ),
        (
            TWO_LINES,
            "ds = p * (1 - p) * dp",
            "only the change of each weight by its own score is there: p (1 - p); the other "
            "scores of the query change it too",
        ),
        (
            "ds = xp.multiply(p, dp, out=dp)",
            "ds = p * dp * self.scale",
            "1/sqrt(K) is there twice: dp has it already",
        ),
    ],
    "attention": [
        (
            "dq, dk, dv = self.split_qkv(dqkv)",
            "dk, dq, dv = self.split_qkv(dqkv)",
            "dq and dk are exchanged",
        ),
        (
            "xp.matmul(by_head(p), do, out=dv)",
            "xp.matmul(by_head(p).swapaxes(-1, -2), do, out=dv)",
            "in dv the weights are transposed: o = p^T v gives dv = p do",
        ),
        (
            "xp.matmul(by_head(ds), q, out=dk)",
            "xp.matmul(by_head(ds).swapaxes(-1, -2), q, out=dk)",
            "in dk the scores are transposed: s = k q^T gives dk = ds q",
        ),
        (
            "xp.matmul(by_head(ds).swapaxes(-1, -2), k, out=dq)",
            "xp.matmul(by_head(ds), k, out=dq)",
            "in dq the scores are not transposed: s = k q^T gives dq = ds^T k",
        ),
        (
            "ds = xp.multiply(p, dp, out=dp)",
            "ds = p * dp / self.scale",
            "1/sqrt(K), by which the scores are divided, is missing in dq and dk",
        ),
        (
            'do, grads["proj"] = self.proj.backward(dy, cache.pop("proj"))',
            '(_, grads["proj"]), do = self.proj.backward(dy, cache.pop("proj")), dy',
            "dy is taken for do: what proj.backward returns is not passed on",
        ),
    ],
    "block": [
        (
            "dx = xp.add(dy, dh, out=dh)",
            "dx = dh",
            "y = x + branch: the way of dy along the second sum is forgotten",
        ),
        (
            "dx = xp.add(dx, dh, out=dh)",
            "dx = dh",
            "x = x + branch: the way of the gradient along the first sum is forgotten",
        ),
        (
            'dh, _ = path.backward(dx, cache.pop("path1"))',
            'dh, _ = path.backward(dy, cache.pop("path1"))',
            "the attention branch gets dy; it must get the gradient of x between the two sums",
        ),
        (
            'dh, _ = path.backward(dx, cache.pop("path1"))',
            'dh, _ = dx, cache.pop("path1")',
            "path1, the skipped attention branches, is forgotten",
        ),
        (
            'dh, _ = path.backward(dy, cache.pop("path2"))',
            'dh, _ = dy, cache.pop("path2")',
            "path2, the skipped MLP branches, is forgotten",
        ),
        (
            'dh, _ = drop.backward(dh, cache.pop("drop"))',
            'cache.pop("drop")',
            "the dropout after attention is forgotten",
        ),
        (
            'dh, grads["norm2"] = self.norm2.backward(dh, cache.pop("norm2"))',
            '_, grads["norm2"] = self.norm2.backward(dh, cache.pop("norm2"))',
            "what norm2.backward returns for its input is not passed on",
        ),
        (
            'dh, grads["norm1"] = self.norm1.backward(dh, cache.pop("norm1"))',
            '_, grads["norm1"] = self.norm1.backward(dh, cache.pop("norm1"))',
            "what norm1.backward returns for its input is not passed on",
        ),
    ],
    "vit": [
        (
            PART,
            PASSED + 'dx if "block" in name else d',
            "dx is not passed from block to block: each gets the gradient of the last one's y",
        ),
        (
            PART,
            PASSED + 'dx + d if "block" in name else d',
            "dx is added around each block; the block has added its residual sums itself",
        ),
        (
            PART,
            PASSED + 'dx if name == "norm" else d',
            "what the last norm returns for its input is not passed on",
        ),
        (
            PART,
            PASSED + 'dx if name == "dropout" else d',
            "the dropout before the blocks is forgotten",
        ),
    ],
    "adamw": [
        (CORRECT_V, "pass  #", "v starts at 0, and the division by 1 - beta2^t is missing"),
        (CORRECT_M, "change *= lr", "m starts at 0, and the division by 1 - beta1^t is missing"),
        (
            CORRECT_V,
            "decay, lr = decay / (1 - self.beta1**step), lr * (1 - self.beta1**step)  #",
            "m and v start at 0, and both divisions by 1 - beta^t are missing",
        ),
        (
            "denominator = xp.add(root, self.eps, out=root)",
            "denominator = xp.sqrt(root * root + self.eps, out=root)",
            "eps is inside the square root; it is added to the root",
        ),
        ("xp.add(root, self.eps, out=root)", "root", "eps is missing"),
        (
            "squares = gradient * gradient",
            "squares = abs(gradient)",
            "v is the mean of |g|, not of g^2",
        ),
        (DECAY, "pass", "the weights do not decay"),
        (DECAY, "vector *= 1 - decay", "the decay is not multiplied by lr"),
        (
            FIRST,
            FIRST + "; gradient = gradient + decay * vector; decay = 0.0",
            "the decay is added to the gradient, so it is divided by sqrt(v): it must act on the "
            "weights directly",
        ),
        (
            DECAY + "\n        vector -= change",
            "vector -= change\n        " + DECAY,
            "the weights decay after their change; they decay before it",
        ),
        (
            DECAY + "\n        vector -= change",
            DECAY + "\n        vector += change",
            "the change has the wrong sign",
        ),
    ],
}
