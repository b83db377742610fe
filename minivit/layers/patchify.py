"""Patchify: cut an image into patches, each a flat list of its pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patchify:
    """Cut B x H x W x C images into N = (H/P)(W/P) patches of P*P*C numbers.

        y[b, (i, j), (r, s, c)]         = x[b, i*P + r, j*P + s, c]

        dx[b, i*P + r, j*P + s, c]      = dy[b, (i, j), (r, s, c)]

    (i, j) is the patch in row i and column j, (r, s, c) row, column and channel inside it; a group
    in brackets is one axis, with the last letter running fastest. Each pixel is in exactly one
    patch, so its gradient goes back to the place of the pixel. Followed by a Linear this is a
    convolution with kernel size and stride P: the paper's "linear projection of flattened patches".

    Keeps the shape of the image only.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1.
    """

    patch_size: int

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, N, P*P*C), cache. H and W must be multiples of P."""
        b, h, w, c = x.shape
        p = self.patch_size
        grid = x.reshape(b, h // p, p, w // p, p, c)  # (B, i, r, j, s, C)
        y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p * c)  # (B, i j, r s C)
        return y, (h, w, c)

    def backward(self, dy, cache):
        """dy (B, N, P*P*C) -> dx (B, H, W, C), no gradients."""
        h, w, c = cache
        p = self.patch_size
        grid = dy.reshape(-1, h // p, w // p, p, p, c)  # (B, i, j, r, s, C)
        return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c), {}
