"""Linear on a GPU: the products of the matrix library, and the bias's gradient in a kernel."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..layers import Linear
from .sums import column_sums


@dataclass(frozen=True)
class FusedLinear(Linear):
    """`minivit.layers.Linear`; only the sum over tokens is another."""

    def backward(self, dy, cache):
        """dy (..., D_out) -> dx (..., D_in), grads."""
        x, w = cache
        dy = array_module(dy).ascontiguousarray(dy)
        dx, dw = product_gradients(dy, x, w)
        return dx, {"w": dw, "b": column_sums(dy)}


def product(x, w):
    """x (..., D_in) @ w -> (..., D_out)."""
    return (x.reshape(-1, w.shape[0]) @ w).reshape(*x.shape[:-1], w.shape[1])


def product_gradients(dy, x, w):
    """The gradients of `product` by x and by w."""
    rows = dy.reshape(-1, w.shape[1])
    return (rows @ w.T).reshape(x.shape), x.reshape(-1, w.shape[0]).T @ rows
