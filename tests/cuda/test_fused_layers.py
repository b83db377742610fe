"""The fused layers compute what the plain layers compute, forward and backward.

On a GPU with CuPy's kernels; everywhere else the same kernels are compiled for the CPU.
"""

import numpy as np
import pytest
from cases import KEY, arrays, draw, redrawn

from minivit import gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.convolution import Convolution
from minivit.cuda.attention import FusedHeads
from minivit.cuda.fast import fused_layer
from minivit.cuda.layernorm import FusedLayerNorm
from minivit.cuda.sums import column_sums
from minivit.layers import (
    Gelu,
    GeluErf,
    LayerNorm,
    Linear,
    PatchDropout,
    ResampledPositions,
    TransformerBlock,
)

keys = pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
dtypes = pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-5)])
D, M = 12, 7

pairs = {  # name: (plain layer, shape of its input); a block of 3 heads has K = 4, of 4 heads K = 3
    "Linear": (Linear(D, M), (3, 5, D)),
    "LayerNorm": (LayerNorm(37), (9, 5, 37)),
    "LayerNorm of rows": (LayerNorm(D, 1e-2), (2, D)),
    "convolution": (Convolution(2, 3, 3, 2), (2, 4, 4, 2)),
    "convolution without a bias": (Convolution(3, 2, 3, bias=False), (2, 3, 3, 3)),
    "resampled positions": (ResampledPositions(10, D, (3, 3), (2, 2), 1), (3, 5, D)),
    "patch dropout": (PatchDropout(0.5, 1), (4, 9, D)),
    "block": (TransformerBlock(D, 3, M), (3, 5, D)),
    "block of 10 tokens": (TransformerBlock(D, 3, M), (2, 10, D)),
    "block with an exact GELU": (TransformerBlock(D, 3, M, 0.0, GeluErf()), (2, 5, D)),
    "block with drop path": (TransformerBlock(D, 3, M, 0.0, Gelu(), 0.5, 1e-3), (4, 5, D)),
    "block with dropout": (TransformerBlock(D, 3, M, 0.3, Gelu(), 0.5), (4, 5, D)),
    "block of odd heads": (TransformerBlock(D, 4, M), (2, 5, D)),
}
every_pair = pytest.mark.parametrize("name", pairs)


def there_and_back(layer, params, x, xp, key, dtype):
    y, cache = layer.forward(params, x, key)
    dx, grads = layer.backward(draw(y.shape, xp, seed=5, dtype=dtype), cache)
    return y, dx, grads


def agree(got, want, close):
    """The names, and every array of two nests up to `close` of its largest number."""
    names = [[name for name, _ in tree.walk(nest[-1])] for nest in (got, want)]
    assert sorted(names[0]) == sorted(names[1])
    order = [*got[:-1], tree.map(lambda _, other: other, want[-1], got[-1])]
    for one, other in zip(arrays(tuple(order)), arrays(tuple(want)), strict=True):
        one, other = to_host(one), to_host(other)
        assert one.dtype == other.dtype and one.shape == other.shape
        assert abs(one - other).max() <= close * max(1, abs(other).max())


@every_pair
@dtypes
@keys
def test_the_same_as_the_plain_layer(xp, name, dtype, close, key):
    plain, shape = pairs[name]
    fused = fused_layer(plain)
    assert type(fused) is not type(plain)
    params, x = redrawn(plain, xp, dtype=dtype), draw(shape, xp, dtype=dtype)
    want = there_and_back(plain, params, x, xp, key, dtype)
    agree(there_and_back(fused, params, x, xp, key, dtype), want, close)


@every_pair
@keys
def test_nothing_given_or_kept_is_written_to_and_the_output_is_not_kept(xp, name, key):
    plain, shape = pairs[name]
    fused, params, x = fused_layer(plain), redrawn(plain, xp), draw(shape, xp)
    _, dx, grads = there_and_back(fused, params, x, xp, key, np.float64)
    before = [to_host(a).copy() for a in arrays((params, x))]
    y, cache = fused.forward(params, x, key)
    kept = [a for a in arrays(cache)]
    dy = draw(y.shape, xp, seed=5)
    given = [to_host(a).copy() for a in (dy, *kept)]
    if y is not x:  # patch dropout in evaluation
        y[...] = np.nan
    again = fused.backward(dy, cache)
    for one, other in zip(arrays(again), arrays((dx, grads)), strict=True):
        assert to_host(one).tobytes() == to_host(other).tobytes()  # and the same bits
    after = [to_host(a) for a in arrays((params, x))] + [to_host(a) for a in (dy, *kept)]
    for one, other in zip(before + given, after, strict=True):
        assert np.array_equal(one, other)


@every_pair
def test_arrays_that_are_not_contiguous(xp, name):
    plain, shape = pairs[name]
    fused, params = fused_layer(plain), redrawn(plain, xp)
    x, answers = draw(shape[::-1], xp).transpose(), []
    for strided in (True, False):
        y, cache = fused.forward(params, x if strided else xp.ascontiguousarray(x), KEY)
        dy = draw(y.shape[::-1], xp, seed=5).transpose()
        dx, grads = fused.backward(dy if strided else xp.ascontiguousarray(dy), cache)
        answers.append((y, dx, grads))
    agree(*answers, 1e-12)


@pytest.mark.parametrize("name", ["LayerNorm", "block", "block with an exact GELU"])
def test_gradients(xp, name):
    """Against central differences: of every element on a GPU, in a few directions elsewhere."""
    plain, shape = pairs[name]
    fused, params, x = fused_layer(plain), redrawn(plain, xp), draw(shape, xp)
    if xp is not np:
        checks = gradcheck.check_layer(fused, x, params)
        assert max(check.error for check in checks) <= gradcheck.LAYER_TOLERANCE
        return
    y, cache = fused.forward(params, x, KEY)
    dy = draw(y.shape, xp, seed=5)
    dx, grads = fused.backward(dy, cache)
    rng, pairs_of_leaves = np.random.default_rng(9), [("x", (x, dx))]
    pairs_of_leaves += tree.walk(tree.map(lambda *pair: pair, params, grads))
    for leaf, (value, gradient) in pairs_of_leaves:
        check = gradcheck.check_directions(
            leaf,
            lambda: float((fused.forward(params, x, KEY)[0] * dy).sum()),
            value,
            gradient,
            rng,
            xp,
            directions=1,
        )
        assert check.error <= gradcheck.LAYER_TOLERANCE, check


@pytest.mark.parametrize("tokens", [1, 3, 4, 8, 33, 65])
def test_attention_of_any_number_of_tokens(xp, tokens):
    heads = FusedHeads(8, 2)
    plain = TransformerBlock(8, 2, 4).attn
    params = redrawn(plain, xp)
    x = draw((2, tokens, 8), xp)
    assert heads.fits(tokens, x.dtype)
    eye = {"w": xp.eye(8), "b": xp.zeros(8)}  # the plain layer's last product is x itself
    y, cache = plain.forward({**params, "proj": eye}, x)
    o, fused_cache = heads.forward({"qkv": params["qkv"]}, x)
    dy = draw(y.shape, xp, seed=5)
    dx, grads = plain.backward(dy, cache)
    fused_dx, fused_grads = heads.backward(dy, fused_cache)
    agree((o, fused_dx, fused_grads), (y, dx, {"qkv": grads["qkv"]}), 1e-12)


def test_attention_without_room_in_shared_memory_is_the_plain_layers(xp, monkeypatch):
    monkeypatch.setattr(FusedHeads, "fits", lambda *_: False)
    plain, shape = pairs["block"]
    params, x = redrawn(plain, xp), draw(shape, xp)
    want = there_and_back(plain, params, x, xp, KEY, np.float64)
    agree(there_and_back(fused_layer(plain), params, x, xp, KEY, np.float64), want, 1e-12)


def test_a_large_score_does_not_overflow(xp):
    heads, plain = FusedHeads(8, 2), TransformerBlock(8, 2, 4).attn
    params = redrawn(plain, xp, dtype=np.float32)
    x = 100 * draw((2, 5, 8), xp, dtype=np.float32)
    o, cache = heads.forward({"qkv": params["qkv"]}, x)
    dx, _ = heads.backward(o, cache)
    assert np.isfinite(to_host(o)).all() and np.isfinite(to_host(dx)).all()


@pytest.mark.parametrize("exact", [False, True])
def test_gelu_far_out_and_nan(xp, exact):
    from minivit.cuda.gelu import bias_gelu, bias_gelu_backward

    x = np.array([[-1e30, -200.0, -50.0, 0.0, 50.0, 200.0, 1e30, np.nan]], np.float32)
    x, bias = to_device(x, xp), xp.zeros(8, dtype=np.float32)
    y = to_host(bias_gelu(x, bias, exact))[0]
    dx, _ = bias_gelu_backward(xp.ones_like(x), x, bias, exact)
    dx = to_host(dx)[0]
    np.testing.assert_allclose(y[3:7], [0, 50, 200, 1e30])
    np.testing.assert_allclose(y[:3], 0, atol=1e-30)
    np.testing.assert_allclose(dx[:7], [0, 0, 0, 0.5, 1, 1, 1], atol=1e-6)
    assert np.isnan(y[7]) and np.isnan(dx[7])


def test_a_variance_far_from_the_mean(xp):
    """Mean 1e4 and variance 1 in float32: in one pass it would be wrong by tens."""
    x = 1e4 + draw((6, 37), np)
    want, _ = LayerNorm(37).forward({"gamma": np.ones(37), "beta": np.zeros(37)}, x)
    params = {"gamma": xp.ones(37, dtype=np.float32), "beta": xp.zeros(37, dtype=np.float32)}
    got, _ = FusedLayerNorm(37).forward(params, to_device(x.astype(np.float32), xp))
    assert abs(to_host(got) - want).max() < 5e-3


@pytest.mark.parametrize("shape", [(1, 3), (5, 33), (700, 1), (1300, 40)])
def test_column_sums(xp, shape):
    x = draw(shape, xp)
    np.testing.assert_allclose(to_host(column_sums(x)), to_host(x).sum(axis=0), atol=1e-11)
