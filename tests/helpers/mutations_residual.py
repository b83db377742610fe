"""Planted mistakes in `minivit/residual/`: (code, broken code) by file, as in mutations.py."""

TABLE = {
    # every pixel, or the next one; gradients of channels that were never there
    "minivit/residual/subsample.py": [
        ("some = x[:, :: self.stride, :: self.stride]", "some = x[:, ::2, self.stride - 1 :: 2]"),
        ("y[..., : self.c_in] = some", "y[..., -self.c_in :] = some"),
        ("dx[:, :: self.stride, :: self.stride] = dy[..., : self.c_in]", "dx[...] = 0"),
        ("= dy[..., : self.c_in]", "= dy[..., -self.c_in :]"),
        ("self.c_out), dtype=x.dtype)", "self.c_out))"),
    ],
    # no stride on one way; a unit that begins without its branch; a shortcut left out
    "minivit/residual/unit.py": [
        ("(self.c_in, width, 3, self.stride)", "(self.c_in, width, 3)"),
        (
            '"norm2", GroupNorm(width, self.groups)',
            '"norm2", GroupNorm(width, self.groups, zero=True)',
        ),
        ('("relu1", Relu()),', ""),
        ("self.stride > 1 or self.c_in != width", "self.stride > 1"),
        ("Chain(shortcut)", "Chain(())"),
    ],
    # stages of one width; no stride; the first stage halved too
    "minivit/residual/network.py": [
        ("c.width * 2**stage", "c.width"),
        ("2 if stage and not i else 1", "1"),
        ("2 if stage and not i else 1", "1 if i else 2"),
        ('("relu", Relu()),', ""),
        ('parts["pixels"] = Patchify(1, 1)', 'parts["pixels"] = Patchify(2, 1)'),
    ],
}
