"""Arrays that have a shape and no numbers: what a forward pass needs, without computing it.

This module is a library of arrays like NumPy and CuPy: `array_module` finds it for a `ShapeOnly`
array, so a layer's forward runs on such arrays unchanged. An elementwise operation or a matrix
product only makes an array of the result's shape and dtype. Everything else (sums, copies,
indexing) is NumPy's own work on arrays full of zeros; the system gives a large one no memory before
it is written to. `macs` counts the multiplications that the products would have needed.
"""

import math
import sys
import threading
import types

import numpy as np

LIBRARY = "minivit_shape_only"  # the name under which `array_module` finds this module
OTHER_PRODUCTS = ("dot", "einsum", "inner", "tensordot", "vdot")  # not counted, so refused

_thread = threading.local()


def macs():
    """MACs of all products of `ShapeOnly` matrices so far, in this thread.

    A product with a vector does not count: the layers write sums as products with ones.
    """
    return getattr(_thread, "macs", 0)


class ShapeOnly(np.ndarray):
    """An array whose elementwise operations and matrix products are not computed."""

    __module__ = LIBRARY  # where `array_module` looks

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
        """The result as zeros of its shape, or `out` as it is."""
        arrays = [_plain(x) for x in inputs]
        if ufunc is np.matmul and min(x.ndim for x in arrays) >= 2:
            shape = _product(*arrays)
            return out[0] if out else zeros(shape, np.result_type(*arrays))
        if ufunc.signature is None and method == "__call__":
            shape = np.broadcast_shapes(*map(np.shape, arrays))
            if out:
                return out[0] if len(out) == 1 else out
            one = [np.ones(1, x.dtype) if isinstance(x, np.ndarray) else x for x in arrays]
            return _each(lambda result: zeros(shape, result.dtype), ufunc(*one, **keywords))
        if out:
            keywords["out"] = tuple(map(_plain, out))
        results = getattr(ufunc, method)(*arrays, **keywords)
        return out[0] if out else _each(_shape_only, results)

    def __array_function__(self, function, kinds, args, keywords):
        """NumPy's own function. Raises TypeError for products that are not counted."""
        if function.__name__ in OTHER_PRODUCTS:
            raise TypeError(f"numpy.{function.__name__} is not counted: write the product with @")
        return super().__array_function__(function, kinds, args, keywords)


def zeros(shape, dtype=float):
    """A `ShapeOnly` array."""
    return np.zeros(shape, dtype).view(ShapeOnly)


empty = ones = zeros  # no array here has numbers


def like(x, dtype):
    """A `ShapeOnly` array of the shape of `x` that takes no memory and cannot be written to."""
    return np.broadcast_to(np.zeros((), dtype), x.shape).view(ShapeOnly)


def _product(a, b):
    """The shape of a @ b, both at least 2-D. Counts its MACs."""
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matrices of shapes {a.shape} and {b.shape} cannot be multiplied")
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    _thread.macs = macs() + math.prod(shape) * a.shape[-1]
    return shape


def _plain(x):
    """`x` as NumPy's own array, if it is an array."""
    return x.view(np.ndarray) if isinstance(x, np.ndarray) else x


def _shape_only(x):
    """`x` as a `ShapeOnly` array, if it is an array."""
    return x.view(ShapeOnly) if isinstance(x, np.ndarray) else x


def _each(function, results):
    """function(result), or of each of several results."""
    return tuple(map(function, results)) if isinstance(results, tuple) else function(results)


def __getattr__(name):
    """Everything else is NumPy's; what its functions return becomes `ShapeOnly`."""
    value = getattr(np, name)
    if isinstance(value, (np.ufunc, type)) or not callable(value):
        return value
    return lambda *args, **keywords: _each(_shape_only, value(*args, **keywords))


sys.modules[LIBRARY] = sys.modules[__name__]
# for `backend.special`: erf has the shape of its argument, as any function of one number
sys.modules[f"{__name__}x.scipy.special"] = types.SimpleNamespace(erf=np.tanh)
