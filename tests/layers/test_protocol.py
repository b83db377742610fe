"""The rules that every layer follows, so that layers can be combined freely.

init(rng) -> params    forward(params, x, key) -> y, cache    backward(dy, cache) -> dx, grads
"""

import importlib
import pkgutil

import numpy as np
import pytest
from cases import COMPOSITES, KEY, LAYERS, B, arrays, build, draw, every_layer

from minivit import CrossEntropy, Key, convolution, layers
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.layers import (
    Attention,
    ClassToken,
    LayerNorm,
    Linear,
    PositionEmbedding,
    SigmoidCrossEntropy,
    SquaredError,
)

LOSSES = {CrossEntropy, SquaredError, SigmoidCrossEntropy}
keys = pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])


def snapshot(*nests):
    """Copies on the host of every array in the nests."""
    return [to_host(a).copy() for nest in nests for a in arrays(nest)]


def assert_same(before, after):
    for one, other in zip(before, after, strict=True):
        assert one.dtype == other.dtype and np.array_equal(one, other)


def there_and_back(layer, params, x, xp):
    """Every array that a forward and a backward return: y, dx, gradients."""
    y, cache = layer.forward(params, x, KEY)
    dx, grads = layer.backward(draw(y.shape, xp, seed=5, dtype=np.dtype(y.dtype)), cache)
    return y, dx, grads


def test_every_layer_is_tested_and_only_layers_are_exported():
    """Every class in these rooms that has a backward stands in `gradcheck_cases.LAYERS`."""
    written = set()
    files = ["minivit.masked.corrupt", "minivit.masked.pick"]
    files += ["minivit.residual.subsample", "minivit.residual.unit"]
    for room in (layers, convolution):
        files += [file.name for file in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")]
    for file in files:
        for value in vars(importlib.import_module(file)).values():
            if isinstance(value, type) and hasattr(value, "backward"):
                written.add(value)
    tested = {type(layer) for layer, _ in LAYERS.values()} | LOSSES
    assert written == tested
    assert {getattr(layers, name) for name in layers.__all__} <= tested


@every_layer
@keys
def test_no_argument_parameter_or_cache_is_written_to(xp, name, key):
    layer, params, x = build(name, xp)
    given = snapshot(params, x)
    y, cache = layer.forward(params, x, key)
    assert_same(given, snapshot(params, x))

    kept = list(arrays(cache))  # the arrays themselves: composites empty their cache
    dy = draw(y.shape, xp, seed=5)
    given = snapshot(params, x, dy, *kept)
    layer.backward(dy, cache)
    assert_same(given, snapshot(params, x, dy, *kept))


@every_layer
@keys
def test_read_only_arrays_are_accepted(name, key):
    """NumPy raises at the first write to one of them, even if it changes nothing."""
    layer, params, x = build(name)
    for a in arrays((params, x)):
        a.setflags(write=False)
    y, cache = layer.forward(params, x, key)
    dy = draw(y.shape, seed=5)
    for a in (dy, *arrays(cache)):
        a.setflags(write=False)
    layer.backward(dy, cache)


@every_layer
def test_the_caller_may_write_to_the_output(xp, name):
    """No layer caches the array that it returns, so the caller may add to it in place."""
    layer, params, x = build(name, xp)
    _, dx, grads = there_and_back(layer, params, x, xp)
    y, cache = layer.forward(params, x.copy(), KEY)
    dy = draw(y.shape, xp, seed=5)
    y[...] = np.nan
    assert_same(snapshot(dx, grads), snapshot(*layer.backward(dy, cache)))


@every_layer
def test_gradients_share_no_memory(name):
    """A gradient that is a view of dy, a cache or a parameter could change later."""
    layer, params, x = build(name)
    y, cache = layer.forward(params, x, KEY)
    assert not any(np.shares_memory(y, kept) for kept in (*arrays(cache), *arrays(params)))
    kept = list(arrays(cache))
    dy = draw(y.shape, seed=5)
    dx, grads = layer.backward(dy, cache)
    assert not any(np.shares_memory(dx, other) for other in (*kept, *arrays(params)))
    for gradient in arrays(grads):
        assert not any(np.shares_memory(gradient, other) for other in (dx, dy, x, *kept))
        assert not any(np.shares_memory(gradient, value) for value in arrays(params))


@every_layer
def test_same_call_same_bits(xp, name):
    layer, params, x = build(name, xp, np.float32)
    first = snapshot(*there_and_back(layer, params, x, xp))
    assert_same(first, snapshot(*there_and_back(layer, params, x, xp)))


@every_layer
@keys
def test_float32_stays_float32(xp, name, key):
    """With one float64 mask or NumPy scalar, a model would run at half its speed, unnoticed."""
    layer, params, x = build(name, xp, np.float32)
    y, cache = layer.forward(params, x, key)
    kept = list(arrays(cache))
    returned = arrays((y, *layer.backward(draw(y.shape, xp, dtype=np.float32), cache)))
    assert {a.dtype.name for a in returned} == {"float32"}
    assert {a.dtype.name for a in kept if a.dtype.kind not in "biu"} <= {"float32"}


@every_layer
def test_gradients_have_the_names_and_shapes_of_their_parameters(xp, name):
    layer, params, x = build(name, xp)
    y, dx, grads = there_and_back(layer, params, x, xp)
    shapes = {leaf: value.shape for leaf, value in tree.walk(params)}
    assert shapes == {leaf: value.shape for leaf, value in tree.walk(grads)}
    assert dx.shape == x.shape
    assert all(type(a) is type(x) for a in arrays((y, dx, grads)))


@every_layer
def test_images_of_a_batch_do_not_influence_each_other(xp, name):
    """Image 2 alone has the same y and dx, with a key that says that its index is 2."""
    layer, params, x = build(name, xp)
    y, dx, _ = there_and_back(layer, params, x, xp)
    dy = draw(y.shape, xp, seed=5)
    alone, cache = layer.forward(params, x[2:3], Key(KEY.seed, KEY.step, KEY.first + 2))
    np.testing.assert_allclose(to_host(alone), to_host(y[2:3]), rtol=1e-12, atol=1e-12)
    alone, _ = layer.backward(dy[2:3], cache)
    np.testing.assert_allclose(to_host(alone), to_host(dx[2:3]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_empty_their_cache_and_refuse_a_second_backward(xp, name):
    layer, params, x = build(name, xp)
    y, cache = layer.forward(params, x, KEY)
    assert set(params) <= set(cache)  # a composite's cache has its children's names
    layer.backward(draw(y.shape, xp), cache)
    assert cache == {}
    with pytest.raises(KeyError):
        layer.backward(draw(y.shape, xp), cache)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize(
    "loss_layer",
    [CrossEntropy(), CrossEntropy(0.1), SquaredError(), SigmoidCrossEntropy()],
    ids=repr,
)
def test_the_loss_keeps_the_rules_too(xp, kind, loss_layer):
    if kind == "labels" and not isinstance(loss_layer, CrossEntropy):
        return
    logits = draw((B, 7), xp, dtype=np.float32)
    one_hot = np.eye(7, dtype=np.float32)[:B]
    targets = to_device(np.arange(B) if kind == "labels" else one_hot, xp)
    given = snapshot((logits, targets))
    loss, cache = loss_layer.forward(logits, targets)
    assert loss.shape == () and {a.dtype.name for a in (loss, *arrays(cache))} == {"float32"}
    given += snapshot(cache)
    dlogits = loss_layer.backward(0.5, cache)
    assert dlogits.shape == logits.shape and dlogits.dtype == np.float32
    dlogits[...] = np.nan  # the caller may write to it
    assert_same(given, snapshot((logits, targets), cache))


@every_layer
def test_init(name):
    """float64 on the host, equal for equal seeds; init(None) has the shapes, but no memory."""
    layer, _ = LAYERS[name]
    params, again = (layer.init(np.random.default_rng(7)) for _ in range(2))
    assert_same(snapshot(params), snapshot(again))
    shapes = layer.init(None)
    for tree_ in (params, shapes):
        assert all(type(a) is np.ndarray and a.dtype == np.float64 for a in arrays(tree_))
    assert [(n, a.shape) for n, a in tree.walk(params)] == [
        (n, a.shape) for n, a in tree.walk(shapes)
    ]
    assert all(set(a.strides) == {0} and not a.any() for a in arrays(shapes))
    assert all(a.flags.writeable and a.flags.owndata for a in arrays(params))


def test_initial_ranges():
    """Xavier for matrices (a q-k-v product as three), normal 0.5 for positions, zeros and ones."""
    rng = np.random.default_rng(0)
    start = Attention(60, 3).init(rng)
    for part in ("qkv", "proj"):
        limit = np.sqrt(6 / 120)
        assert 0.98 * limit < np.abs(start[part]["w"]).max() <= limit
        assert start[part]["w"].mean() == pytest.approx(0, abs=0.01)
        assert not start[part]["b"].any()
    assert 0.98 * np.sqrt(6 / 130) < np.abs(Linear(100, 30).init(rng)["w"]).max() < np.sqrt(6 / 130)
    assert not Linear(100, 30, zero=True).init(rng)["w"].any()
    assert PositionEmbedding(65, 192).init(rng)["pos"].std() == pytest.approx(0.5, rel=0.03)
    assert not ClassToken(9).init(rng)["cls"].any()
    assert (LayerNorm(9).init(rng)["gamma"] == 1).all() and not LayerNorm(9).init(rng)["beta"].any()
