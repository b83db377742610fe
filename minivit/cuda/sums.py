"""Sums over all tokens, without an array of ones: the gradients of biases."""

from ..arrays.backend import array_module
from . import kernels

FEW_ROWS = 512  # that one block may sum on its own
BLOCKS = 8  # of 256 threads that a multiprocessor is given


def column_sums(x):
    """x (..., C), contiguous -> (C,): the sum over all axes but the last.

    Plain: x.reshape(-1, C).sum(axis=0). In two steps: each block of threads sums a share of the
    rows, then one sums what they found. The order is the same each time.
    """
    xp, columns = array_module(x), x.shape[-1]
    rows, wide = x.size // columns, -(-columns // 32)
    sum_columns = kernels.kernel("sums", "column_sums", x.dtype.name)
    while rows > FEW_ROWS:
        busy = BLOCKS * kernels.attribute("MultiProcessorCount") // wide
        shares = max(1, min(busy, rows // 64))
        part = xp.empty((shares, columns), dtype=x.dtype)
        sum_columns((wide, shares), (256,), (x, part, rows, columns))
        x, rows = part, shares
    sums = xp.empty(columns, dtype=x.dtype)
    sum_columns((wide, 1), (256,), (x, sums, rows, columns))
    return sums
