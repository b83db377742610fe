"""OverlappingPatches: like Patchify, but each patch contains some of its neighbours' pixels."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module


@dataclass(frozen=True)
class OverlappingPatches:
    """Cut B x H x W x C images into N = (H/P)(W/Q) patches of R*S*C numbers.

        padded            = x with O rows and columns of zeros on every side
        y[b, (i, j)]      = padded[b, i*P : i*P + R, j*Q : j*Q + S]      R = P + 2 O, S = Q + 2 O

        dpadded           = 0, then for every patch (i, j):
        dpadded[b, i*P : i*P + R, j*Q : j*Q + S]  +=  dy[b, (i, j)]
        dx                = dpadded without the O rows and columns on every side

    P and Q are height and width of a patch of Patchify, O is the overlap in pixels, (i, j) the
    patch in row i and column j; its pixels become one axis, row by row. Each patch is that of
    Patchify with O more pixels on every side, so neighbours share pixels. The gradient of a
    pixel is the sum over all patches that contain it (the chain rule for a variable that is used
    several times). Followed by a Linear this is a convolution with kernel
    size R x S, stride P x Q and padding O.

    Keeps the shape of the image only.

    Source: Wang et al. 2021, "PVT v2", arXiv:2106.13797 (overlapping patch embedding).
    """

    height: int
    width: int
    overlap: int

    @property
    def window(self):
        """R and S, height and width of a patch with its overlap, in pixels."""
        return self.height + 2 * self.overlap, self.width + 2 * self.overlap

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, N, R*S*C), cache. P must divide H, and Q W."""
        xp, (b, h, w, c) = array_module(x), x.shape
        o, (r, s), grid = self.overlap, self.window, self.grid(h, w)
        padded = xp.zeros((b, h + 2 * o, w + 2 * o, c), dtype=x.dtype)
        padded[:, o : o + h, o : o + w] = x
        y = xp.empty((b, *grid, r, s, c), dtype=x.dtype)
        for i, j in np.ndindex(grid):
            y[:, i, j] = padded[:, self.rows(i), self.columns(j)]
        return y.reshape(b, -1, r * s * c), (h, w, c)

    def backward(self, dy, cache):
        """dy (B, N, R*S*C) -> dx (B, H, W, C), no gradients."""
        xp, (h, w, c) = array_module(dy), cache
        o, (r, s), grid = self.overlap, self.window, self.grid(h, w)
        dy = dy.reshape(-1, *grid, r, s, c)
        dpadded = xp.zeros((len(dy), h + 2 * o, w + 2 * o, c), dtype=dy.dtype)
        for i, j in np.ndindex(grid):
            dpadded[:, self.rows(i), self.columns(j)] += dy[:, i, j]
        return dpadded[:, o : o + h, o : o + w], {}

    def grid(self, height, width):
        """The number of rows and of columns of patches."""
        return height // self.height, width // self.width

    def rows(self, i):
        """The rows of the padded image that the patches in row i cover."""
        start = i * self.height
        return slice(start, start + self.window[0])

    def columns(self, j):
        """The columns of the padded image that the patches in column j cover."""
        start = j * self.width
        return slice(start, start + self.window[1])
