"""LayerNorm on a GPU: one kernel forward, two backward, and the sums before and after it."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..layers import LayerNorm
from . import kernels
from .sums import column_sums

WIDEST = 1024  # numbers of a token that a warp can hold
BLOCKS = 2  # of 256 threads that a multiprocessor is given in backward


@dataclass(frozen=True)
class FusedLayerNorm(LayerNorm):
    """`minivit.layers.LayerNorm` of at most WIDEST numbers a token.

    The equations are the same. Keeps x, mean and rstd, D + 2 numbers a token.
    """

    def forward(self, params, x, key=None):
        """x (..., D) -> y (..., D), cache."""
        x = array_module(x).ascontiguousarray(x)
        y, mean, rstd = self._launch(params, x)
        return y, (x, mean, rstd, params["gamma"])

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., D), grads."""
        dx, grads, _ = self.backward_and_add(dy, cache)
        return dx, grads

    def add_and_forward(self, params, x, h, bias, keep=None):
        """The layer of x + (h + bias) * keep -> that sum, in h's memory, then y and cache.

        x, h (B, T, D); bias (D,); keep: None, or a factor for each image (B,).
        """
        y, mean, rstd = self._launch(params, x, h, bias, keep)
        return h, y, (h, mean, rstd, params["gamma"])

    def backward_and_add(self, dy, cache, residual=None):
        """dx + residual, where there is one; grads; and the sum over tokens of the first (D,)."""
        x, mean, rstd, gamma = cache
        xp, rows = array_module(x), len(mean)
        dy, dx = xp.ascontiguousarray(dy), xp.empty_like(x)
        blocks = min(-(-rows // 8), BLOCKS * kernels.attribute("MultiProcessorCount"))
        sums = xp.empty((blocks, 3 * self.dim), dtype=x.dtype)
        backward = kernels.kernel("layernorm", "layernorm_backward", x.dtype.name, self.dim)
        others = (kernels.pointer(residual), dx, sums, rows)
        backward((blocks,), (256,), (dy, x, mean, rstd, gamma, *others))
        dgamma, dbeta, sum_dx = column_sums(sums).reshape(3, self.dim)
        return dx, {"gamma": dgamma, "beta": dbeta}, sum_dx

    def _launch(self, params, x, h=None, bias=None, keep=None):
        """The kernel -> y, mean, rstd. With h the sum is written over it."""
        xp, rows, tokens = array_module(x), x.size // self.dim, x.shape[-2] if x.ndim > 1 else 1
        y, mean, rstd = xp.empty_like(x), *xp.empty((2, rows), dtype=x.dtype)
        forward = kernels.kernel(
            "layernorm", "layernorm_forward", x.dtype.name, self.dim, h is not None
        )
        norm = (params["gamma"], params["beta"], self.eps)
        h, bias, keep = map(kernels.pointer, (h, bias, keep))
        arguments = (x, h, bias, keep, tokens, h, *norm, y, mean, rstd, rows)
        forward((-(-rows // 4),), (128,), arguments)
        return y, mean, rstd
