"""OverlappingPatches: like Patchify, but each patch contains some of its neighbours' pixels."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module


@dataclass(frozen=True)
class OverlappingPatches:
    """Cut B x H x W x C images into N = (H/P)(W/P) patches of S*S*C numbers, S = P + 2 O.

        padded            = x with O rows and columns of zeros on every side
        y[b, (i, j)]      = padded[b, i*P : i*P + S, j*P : j*P + S]

        dpadded           = 0, then for every patch (i, j):
        dpadded[b, i*P : i*P + S, j*P : j*P + S]  +=  dy[b, (i, j)]
        dx                = dpadded without the O rows and columns on every side

    O is the overlap in pixels, (i, j) the patch in row i and column j; its pixels become one axis,
    row by row. Each patch is that of Patchify with O more pixels on every side, so neighbours share
    pixels. The gradient of a pixel is the sum over all patches that contain it (the chain rule for
    a variable that is used several times). Followed by a Linear this is a convolution with kernel
    size S, stride P and padding O.

    Keeps the shape of the image only.

    Source: Wang et al. 2021, "PVT v2", arXiv:2106.13797 (overlapping patch embedding).
    """

    patch_size: int
    overlap: int

    @property
    def side(self):
        """S, the side of a patch with its overlap, in pixels."""
        return self.patch_size + 2 * self.overlap

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, N, S*S*C), cache. H and W must be multiples of P."""
        xp, (b, h, w, c) = array_module(x), x.shape
        o, side, grid = self.overlap, self.side, self.grid(h, w)
        padded = xp.zeros((b, h + 2 * o, w + 2 * o, c), dtype=x.dtype)
        padded[:, o : o + h, o : o + w] = x
        y = xp.empty((b, *grid, side, side, c), dtype=x.dtype)
        for i, j in np.ndindex(grid):
            y[:, i, j] = padded[:, self.span(i), self.span(j)]
        return y.reshape(b, -1, side * side * c), (h, w, c)

    def backward(self, dy, cache):
        """dy (B, N, S*S*C) -> dx (B, H, W, C), no gradients."""
        xp, (h, w, c) = array_module(dy), cache
        o, side, grid = self.overlap, self.side, self.grid(h, w)
        dy = dy.reshape(-1, *grid, side, side, c)
        dpadded = xp.zeros((len(dy), h + 2 * o, w + 2 * o, c), dtype=dy.dtype)
        for i, j in np.ndindex(grid):
            dpadded[:, self.span(i), self.span(j)] += dy[:, i, j]
        return dpadded[:, o : o + h, o : o + w], {}

    def grid(self, height, width):
        """The number of rows and of columns of patches."""
        return height // self.patch_size, width // self.patch_size

    def span(self, i):
        """The rows (or columns) of the padded image that patch row (or column) i covers."""
        start = i * self.patch_size
        return slice(start, start + self.side)
