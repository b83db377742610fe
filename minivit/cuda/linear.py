"""Linear on a GPU: the products of the matrix library, and the bias's gradient in a kernel."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..layers import Linear
from .products import product, product_gradients
from .sums import column_sums


@dataclass(frozen=True)
class FusedLinear(Linear):
    """`minivit.layers.Linear`, whose products and sum over tokens are done otherwise."""

    def forward(self, params, x, key=None):
        """x (..., D_in) -> y (..., D_out), cache."""
        x, w = array_module(x).ascontiguousarray(x), params["w"]
        y = product(x, w)
        y += params["b"]
        return y, (x, w)

    def backward(self, dy, cache):
        """dy (..., D_out) -> dx (..., D_in), grads."""
        x, w = cache
        dy = array_module(dy).ascontiguousarray(dy)
        dx, dw = product_gradients(dy, x, w)
        return dx, {"w": dw, "b": column_sums(dy)}
