"""GELU on a GPU, with the bias before it: one kernel each way."""

from ..arrays.backend import array_module
from . import kernels
from .sums import column_sums


def bias_gelu(x, bias, exact):
    """gelu(x + bias) of x (..., M). exact: the form of `GeluErf`, else that of `Gelu`."""
    rows, columns = x.size // x.shape[-1], x.shape[-1]
    y = array_module(x).empty_like(x)
    forward = kernels.kernel("gelu", "gelu_forward", x.dtype.name, exact)
    forward(kernels.blocks_for(rows, columns), (128,), (x, bias, y, rows, columns))
    return y


def bias_gelu_backward(dy, x, bias, exact):
    """dx, in dy's memory, and dbias (M,) of `bias_gelu`, of which x is kept."""
    rows, columns = x.size // x.shape[-1], x.shape[-1]
    grid = kernels.blocks_for(rows, columns)
    sums = array_module(x).empty((grid[1], columns), dtype=x.dtype)
    backward = kernels.kernel("gelu", "gelu_backward", x.dtype.name, exact)
    backward(grid, (128,), (dy, x, bias, sums, rows, columns))
    return dy, column_sums(sums)
