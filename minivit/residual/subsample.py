"""Subsample: the shortcut of a residual unit that has fewer pixels and more channels."""

from dataclasses import dataclass

from ..arrays.backend import array_module


@dataclass(frozen=True)
class Subsample:
    """Take every s-th pixel of every s-th row, and add channels of zeros.

        y[b, i, j, c]        = x[b, i*s, j*s, c] for c < C_in, else 0

        dx[b, i*s, j*s, c]   = dy[b, i, j, c] for c < C_in; 0 elsewhere

    So a shortcut needs no parameters. Keeps the shape of x.

    Source: He et al. 2016, arXiv:1512.03385, section 3.3 (option A).
    """

    c_in: int
    c_out: int
    stride: int = 1

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C_in) -> y (B, H / s, W / s, C_out), cache. H and W rounded up."""
        some = x[:, :: self.stride, :: self.stride]
        y = array_module(x).zeros((*some.shape[:3], self.c_out), dtype=x.dtype)
        y[..., : self.c_in] = some
        return y, x.shape

    def backward(self, dy, cache):
        """dy (B, H / s, W / s, C_out) -> dx (B, H, W, C_in), no gradients."""
        dx = array_module(dy).zeros(cache, dtype=dy.dtype)
        dx[:, :: self.stride, :: self.stride] = dy[..., : self.c_in]
        return dx, {}
