"""Planted mistakes in `minivit/masked/`: (code, broken code) by file, as in mutations.py."""

TABLE = {
    # all masked; the patch itself for another; a gradient for what was hidden, or none for what is
    # shown elsewhere; 8 bits where 16 are meant
    "minivit/masked/corrupt.py": [
        ("hit & (how < MASKED)", "hit"),
        ("MASKED, OTHER = 0.8, 0.1", "MASKED, OTHER = 0.9, 0.1"),
        ("(own + 1 + step) % patches", "(own + step) % patches"),
        ("max(1, patches - 1) // 2**16", "patches // 2**16"),
        (" & ~masked[:, None, :]", ""),
        ("(source[:, None, :] == xp.arange(n)[:, None])", "xp.eye(n, dtype=bool)"),
        ("source[:, None, :] == xp.arange(n)[:, None]", "source[:, :, None] == xp.arange(n)"),
        ("masked.reshape(-1).astype(dy.dtype) @ dy", "(1 - masked.reshape(-1)) @ dy"),
        ("key = key or EVALUATION", "pass"),
    ],
    # the largest for the smallest numbers; a class token that is a patch
    "minivit/masked/pick.py": [
        ("chosen.sort(axis=1)", "pass"),
        ("max(1, round(share * patches))", "round(share * patches)"),
        ("(key or EVALUATION)", "EVALUATION"),
        ("prefix + corrupted(key", "corrupted(key"),
        ("dx[xp.arange(shape[0])[:, None], chosen] = dy", "dx[:, : dy.shape[1]] = dy"),
    ],
    # rounded for cut off; blue before red; rows of cells for columns
    "minivit/masked/colours.py": [
        ("<< (8 - BITS))", "<< BITS)"),
        ("sums // (p * q", "(sums + 16 * p * q) // (p * q"),
        ("(classes << BITS) + levels[..., channel]", "classes + (levels[..., channel] << BITS)"),
        ("Patchify(cells, cells)", "Patchify(1, 1)"),
        ("/ np.float32(255)", "/ np.float32(256)"),
    ],
    # two masks; nothing hidden; every patch judged; the share forgotten
    "minivit/masked/model.py": [
        ('mask_key if name in ("mask", "pick") else at(key, name)', "at(key, name)"),
        ('parts["mask"] = CorruptPatches(c.dim, c.mask_share)', "pass"),
        ('if name == "patch":', 'if name == "position":'),
        ("PickPatches(c.mask_share, c.prefix_tokens)", "PickPatches(c.mask_share)"),
    ],
    "minivit/masked/objective.py": [
        ("CrossEntropy().backward(share, cache)", "CrossEntropy().backward(1.0, cache)"),
        (
            "return targets[rows, prediction.patches]",
            "return targets[:, : rows[0, 0] + prediction.patches.shape[1]]",
        ),
        ("SquaredError().backward(share, cache)", "SquaredError().backward(1.0, cache)"),
        ('"squares": loss * len(targets)', '"squares": loss'),
        ('"loss": loss * len(targets)', '"loss": loss'),
        ("count * self.patches * self.cells**2", "count * self.patches"),
    ],
}
