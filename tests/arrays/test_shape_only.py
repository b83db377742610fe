"""Arrays without numbers: every layer makes of them what it makes of real arrays."""

import numpy as np
import pytest
from cases import KEY, arrays, build, every_layer

from minivit.arrays import shape_only, tree
from minivit.arrays.backend import array_module


def owner(array):
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def outline(y, cache):
    """Shapes and dtypes of all arrays, and how many numbers each piece of memory has."""
    owners = {id(owner(array)): owner(array) for array in (y, *arrays(cache))}
    kinds = [(array.shape, array.dtype) for array in (y, *arrays(cache))]
    return kinds, [array.size for array in owners.values()]


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_has_the_shapes_dtypes_and_views_of_a_real_one(name, dtype):
    layer, params, x = build(name, dtype=dtype)
    without = tree.map(lambda leaf: shape_only.zeros(leaf.shape, leaf.dtype), params)
    got = layer.forward(without, shape_only.zeros(x.shape, dtype), KEY)
    want = layer.forward(params, x.copy(), KEY)
    assert outline(*got) == outline(*want)


def test_products_are_counted_and_not_computed():
    a, b = shape_only.zeros((2, 1, 3, 4)), shape_only.zeros((5, 4, 6))
    before = shape_only.macs()
    product = a @ b
    assert product.shape == (2, 5, 3, 6)
    assert shape_only.macs() - before == 2 * 5 * 3 * 6 * 4
    out = shape_only.empty((2, 5, 3, 6))
    assert np.matmul(a, b, out=out) is out
    assert shape_only.macs() - before == 2 * 2 * 5 * 3 * 6 * 4
    assert (b @ shape_only.ones(6)).shape == (5, 4)  # a sum
    assert shape_only.macs() - before == 2 * 2 * 5 * 3 * 6 * 4


def test_real_operands_and_wrong_shapes():
    a = shape_only.zeros((3, 4), np.float32)
    before = shape_only.macs()
    assert (np.ones((2, 3), np.float32) @ a).dtype == np.float32
    assert shape_only.macs() - before == 2 * 3 * 4
    for wrong in (lambda: a + np.zeros(3), lambda: np.zeros((2, 5)) @ a):
        with pytest.raises(ValueError):
            wrong()


@pytest.mark.parametrize("product", [np.dot, np.inner, lambda a, b: np.einsum("ij,ij", a, b)])
def test_a_product_that_would_not_be_counted_is_refused(product):
    a = shape_only.zeros((3, 3))
    with pytest.raises(TypeError, match="write the product with @"):
        product(a, a)


def test_other_functions_are_numpys():
    a = shape_only.zeros((2, 3), np.float32)
    xp = array_module(a)
    assert xp is shape_only
    for result, shape in (
        (a.sum(axis=1, keepdims=True), (2, 1)),
        (a.mean(axis=0), (3,)),
        (xp.concatenate([a, a]), (4, 3)),
        (xp.where(a > 0, a, 1.0), (2, 3)),
        (a[:, [0, 0]], (2, 2)),
        (xp.maximum(a, 0.5), (2, 3)),
        (xp.ascontiguousarray(a.T), (3, 2)),
    ):
        assert result.shape == shape and isinstance(result, shape_only.ShapeOnly)
    assert a.sum() == 0 and a.max() == 0
    mantissa, exponent = xp.frexp(a)
    assert (mantissa.dtype, exponent.dtype) == (np.float32, np.int32)
