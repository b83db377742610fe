"""Matrix products by cuBLAS itself, without the detours of CuPy's `@`.

`@` takes longer to find out what it is to do than the GPU takes to do it, for all but large
matrices; and for more than two dimensions it copies what is transposed.

TF32, which rounds the factors to 11 bits and is about twice as fast, is used where CuPy is told to
use it: with the environment variable CUPY_TF32=1.
"""

import numpy as np

from ..arrays.backend import array_module
from .cublas import calls

# cuBLAS's numbers for: an operand as it lies in memory, or transposed; its own choice of algorithm
AS_IT_IS, TRANSPOSED, ANY_ALGORITHM = 0, 1, -1
# 1 and 0 in the memory of the host, where cuBLAS reads them
FACTORS = {name: np.array([1, 0], name) for name in ("float32", "float64")}


def product(x, w):
    """x (..., D_in) @ w -> (..., D_out). Both contiguous."""
    y = multiply(x.reshape(1, -1, w.shape[0]), w[None])
    return y.reshape(*x.shape[:-1], w.shape[1])


def product_gradients(dy, x, w):
    """The gradients of `product` by x and by w."""
    dy, rows = dy.reshape(1, -1, w.shape[1]), x.reshape(1, -1, w.shape[0])
    dx = multiply(dy, w[None], transpose_b=True)
    return dx.reshape(x.shape), multiply(rows, dy, transpose_a=True)[0]


def multiply(a, b, transpose_a=False, transpose_b=False):
    """`count` products a @ b of contiguous matrices (count, m, k) and (count, k, n).

    transpose_a: a is (count, k, m); transpose_b: b is (count, n, k). Raises ValueError for matrices
    that are not contiguous, as cuBLAS is told only where they begin.
    """
    xp = array_module(a)
    if not (a.flags.c_contiguous and b.flags.c_contiguous):
        raise ValueError("multiply needs contiguous matrices")
    if xp.__name__ != "cupy":
        a, b = a.swapaxes(1, 2) if transpose_a else a, b.swapaxes(1, 2) if transpose_b else b
        return a @ b
    handle, gemm, gemm_batched = calls()
    (count, *own), (_, *other) = a.shape, b.shape
    k, m = own if transpose_a else own[::-1]
    n = other[0 if transpose_b else 1]
    c = xp.empty((count, m, n), dtype=a.dtype)
    kind, compute = types(a.dtype)
    one = FACTORS[a.dtype.name].__array_interface__["data"][0]
    zero = one + a.dtype.itemsize
    # cuBLAS counts down the columns: what it sees are the transposed matrices, and c' = b' a'
    operations = [TRANSPOSED if t else AS_IT_IS for t in (transpose_b, transpose_a)]
    left = (b.data.ptr, kind, other[1])  # the address, the type, the length of a row
    right = (a.data.ptr, kind, own[1])
    result = (c.data.ptr, kind, n)
    what = (handle, *operations, n, m, k)
    how = (compute, ANY_ALGORITHM)
    if count == 1:
        gemm(*what, one, *left, *right, zero, *result, *how)
    else:
        left, right, result = (*left, n * k), (*right, m * k), (*result, m * n)
        gemm_batched(*what, one, *left, *right, zero, *result, count, *how)
    return c


def types(dtype):
    """cuBLAS's numbers for the type of the matrices, and for what computes their product."""
    from cupy._core import _routines_linalg as linalg
    from cupy_backends.cuda.libs import cublas

    if dtype == np.float64:
        return 1, cublas.CUBLAS_COMPUTE_64F
    tf32 = linalg.get_compute_type(dtype) == linalg.COMPUTE_TYPE_TF32
    return 0, cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if tf32 else cublas.CUBLAS_COMPUTE_32F
