"""Matrix products: of rows of tokens by one matrix, and of many small matrices at once."""

import ctypes

from ..arrays.backend import array_module

PLAIN, TRANSPOSED = 0, 1  # cuBLAS's names for how an operand lies in memory
ONE, ZERO = (ctypes.c_double * 1)(1.0), (ctypes.c_double * 1)(0.0)
ONE32, ZERO32 = (ctypes.c_float * 1)(1.0), (ctypes.c_float * 1)(0.0)


def product(x, w):
    """x (..., D_in) @ w -> (..., D_out)."""
    return (x.reshape(-1, w.shape[0]) @ w).reshape(*x.shape[:-1], w.shape[1])


def product_gradients(dy, x, w):
    """The gradients of `product` by x and by w."""
    rows = dy.reshape(-1, w.shape[1])
    return (rows @ w.T).reshape(x.shape), x.reshape(-1, w.shape[0]).T @ rows


def batched(a, b, transpose=False):
    """a (count, m, k) @ b (count, k, n), contiguous; transpose: b is (count, n, k).

    On a GPU by cuBLAS itself: CuPy's matmul would copy a transposed factor first.
    """
    xp = array_module(a)
    if xp.__name__ != "cupy":
        return a @ (b.swapaxes(1, 2) if transpose else b)
    from cupy.cuda.device import get_cublas_handle
    from cupy_backends.cuda.libs import cublas

    (count, m, k), n = a.shape, b.shape[1 if transpose else 2]
    c = xp.empty((count, m, n), dtype=a.dtype)
    single = a.dtype == "float32"
    gemm = cublas.sgemmStridedBatched if single else cublas.dgemmStridedBatched
    one, zero = map(ctypes.addressof, (ONE32, ZERO32) if single else (ONE, ZERO))
    # cuBLAS counts along columns first: for it these are the transposed matrices, c' = b' a'
    right = (b.data.ptr, k if transpose else n, k * n)
    left, result = (a.data.ptr, k, m * k), (c.data.ptr, n, m * n)
    operation = TRANSPOSED if transpose else PLAIN
    sizes = (n, m, k, one)
    gemm(get_cublas_handle(), operation, PLAIN, *sizes, *right, *left, zero, *result, count)
    return c
