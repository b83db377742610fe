"""Convolution on a GPU: all windows at once, and the products of the matrix library."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..convolution import Convolution
from ..convolution.windows import padded, windows
from .products import product, product_gradients
from .sums import column_sums


@dataclass(frozen=True)
class FusedConvolution(Convolution):
    """`minivit.convolution.Convolution`, of all windows at once.

        y       = rows @ w + b              rows: the windows of `grown`, x with zeros around it

        drows   = dy @ w.T                  added to `dpadded` where the windows lie; dx: its inside
        dw      = rows.T @ dy               db = sum over windows of dy

    The equations are the plain layer's; it takes windows piece by piece, for a processor's cache.
    Keeps grown, C_in numbers a pixel.
    """

    def forward(self, params, x, key=None):
        """x (B, H, W, C_in) -> y (B, H', W', C_out), cache."""
        grown, w = padded(x, *self.sides), params["w"]
        view = windows(grown, self.size, self.stride)
        y = product(view.reshape(*view.shape[:3], -1), w)
        if self.bias:
            y += params["b"]
        return y, (grown, w, x.shape)

    def backward(self, dy, cache):
        """dy (B, H', W', C_out) -> dx (B, H, W, C_in), grads."""
        grown, w, (_, height, width, _) = cache
        xp, before = array_module(dy), self.sides[0]
        dy, view = xp.ascontiguousarray(dy), windows(grown, self.size, self.stride)
        drows, dw = product_gradients(dy, view.reshape(*view.shape[:3], -1), w)
        dpadded = xp.zeros(grown.shape, dtype=dy.dtype)
        self.add_windows(windows(dpadded, self.size, self.stride), drows)
        dx = dpadded[:, before : before + height, before : before + width]
        return dx, {"w": dw, "b": column_sums(dy)} if self.bias else {"w": dw}
