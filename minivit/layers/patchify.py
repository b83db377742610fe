"""Patchify: cut an image into patches, each a flat list of its pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patchify:
    """Cut B x H x W x C images into N = (H/P)(W/Q) patches of P*Q*C numbers.

        y[b, (i, j), (r, s, c)]         = x[b, i*P + r, j*Q + s, c]

        dx[b, i*P + r, j*Q + s, c]      = dy[b, (i, j), (r, s, c)]

    A patch has P rows and Q columns of pixels. (i, j) is the patch in row i and column j, (r, s, c)
    row, column and channel inside it; a group in brackets is one axis, with the last letter running
    fastest. Each pixel is in exactly one
    patch, so its gradient goes back to the place of the pixel. Followed by a Linear this is a
    convolution with kernel size and stride P x Q: the paper's "linear projection of flattened
    patches".

    Keeps the shape of the image only.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1.
    """

    height: int
    width: int

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, N, P*Q*C), cache. P must divide H, and Q W."""
        b, h, w, c = x.shape
        p, q = self.height, self.width
        grid = x.reshape(b, h // p, p, w // q, q, c)  # (B, i, r, j, s, C)
        y = grid.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * q * c)  # (B, i j, r s C)
        return y, (h, w, c)

    def backward(self, dy, cache):
        """dy (B, N, P*Q*C) -> dx (B, H, W, C), no gradients."""
        h, w, c = cache
        p, q = self.height, self.width
        grid = dy.reshape(-1, h // p, w // q, p, q, c)  # (B, i, j, r, s, C)
        return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c), {}
