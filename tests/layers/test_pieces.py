"""Fast forms equal the plain ones: GELU in pieces, sums as products, the sums of attention."""

import math
from contextlib import contextmanager

import numpy as np
import pytest
import strict_cupy
from cases import HEADS, KEY, B, D, M, T, close, draw, redrawn

from minivit import gradcheck
from minivit.arrays.backend import to_host
from minivit.layers import Attention, Gelu, Mlp
from minivit.layers.attention import by_head, softmax
from minivit.layers.pieces import PIECE, pieces
from minivit.layers.sums import feature_mean, feature_sum, token_sum

SMALL = 5  # numbers in a piece; the sizes are below, at and beyond the edges of one and of several
sizes = pytest.mark.parametrize("size", [1, 4, 5, 6, 9, 10, 11, 23])
keys = pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@contextmanager
def piece_of(numbers):
    """Inside this context, pieces have `numbers` numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivit.layers.pieces.PIECE", numbers)
        yield


# pieces


@sizes
def test_pieces_are_views_of_every_number_once_and_in_order(size):
    one, other = np.arange(size), np.zeros(size)
    with piece_of(SMALL):
        results = list(pieces(one, other))
    assert [len(piece) for piece, _ in results[:-1]] == [SMALL] * ((size - 1) // SMALL)
    assert np.concatenate([piece for piece, _ in results]).tolist() == list(range(size))
    for piece, out in results:
        out += piece + 1
    assert other.tolist() == list(range(1, size + 1))


@pytest.mark.parametrize("beyond", [-1, 0, 1, PIECE + 1])
def test_pieces_of_the_size_that_is_used(beyond):
    x = np.zeros((PIECE + beyond, 1), np.float32)
    lengths = [len(piece) for (piece,) in pieces(x)]
    assert sum(lengths) == len(x) and lengths[:-1] == [PIECE] * ((len(x) - 1) // PIECE)


def test_a_strided_array_is_cut_in_its_own_order():
    x = np.arange(12).reshape(3, 4).T
    with piece_of(SMALL):
        assert np.concatenate([piece for (piece,) in pieces(x)]).tolist() == x.ravel().tolist()


def test_no_numbers_no_pieces_and_on_a_device_only_one():
    assert list(pieces(np.zeros((0, 3)))) == []
    with piece_of(SMALL):
        ((piece,),) = pieces(strict_cupy.zeros((4, 6)))
    assert piece.shape == (24,)


# GELU


def plain_gelu(x, dy):
    """y and dx by the published formula and its derivative, in float64."""
    x, root = x.astype(np.float64), math.sqrt(2 / math.pi)
    s = (1 + np.tanh(root * (x + 0.044715 * x**3))) / 2
    du = root * (1 + 3 * 0.044715 * x**2)
    return x * s, dy * (s + x * 2 * s * (1 - s) * du)


def there_and_back(x, dy, key):
    """GELU's y and dx on the host. Checks that x and dy do not change."""
    given = [to_host(a).copy() for a in (x, dy)]
    y, cache = Gelu().forward({}, x, key)
    dx, grads = Gelu().backward(dy, cache)
    assert grads == {} and y.dtype == dx.dtype == x.dtype
    assert all(np.array_equal(to_host(a), old) for a, old in zip((x, dy), given, strict=True))
    return to_host(y), to_host(dx)


@sizes
@dtypes
@keys
def test_gelu_in_pieces_is_the_plain_formula(xp, size, dtype, key):
    x, dy = (2 * draw((1, size), xp, seed, dtype) for seed in (0, 1))
    with piece_of(SMALL):
        answers = there_and_back(x, dy, key)
    atol = 1e-13 if dtype is np.float64 else 2e-6
    for got, want in zip(answers, plain_gelu(to_host(x), to_host(dy)), strict=True):
        np.testing.assert_allclose(got, want, rtol=atol, atol=atol)


@dtypes
@keys
def test_gelu_has_the_same_bits_whatever_the_piece(dtype, key):
    x, dy = (draw((B, T, 50), seed=seed, dtype=dtype) for seed in (0, 1))
    whole = there_and_back(x, dy, key)
    for numbers in (1, 7, 64, 999, 1000, 1001):
        with piece_of(numbers):
            for got, want in zip(there_and_back(x, dy, key), whole, strict=True):
                assert np.array_equal(got, want)


@dtypes
def test_gelu_has_the_same_bits_with_a_key_and_without(xp, dtype):
    x, dy = (draw((B, T, M), xp, seed, dtype) for seed in (0, 1))
    with piece_of(SMALL):
        evaluation, training = there_and_back(x, dy, None), there_and_back(x, dy, KEY)
    assert all(np.array_equal(a, b) for a, b in zip(evaluation, training, strict=True))


@keys
def test_gelu_of_strided_arrays(xp, key):
    base = draw((M, 2 * T, B), xp)
    repeated = xp.broadcast_to(base[:, :1, :1], (M, T, B))
    with piece_of(SMALL):
        for x in (base.transpose(), base[:, ::2], base[::-1], repeated):
            assert not x.flags.c_contiguous
            dy = draw(x.shape[::-1], xp, seed=1).transpose()
            want = there_and_back(xp.ascontiguousarray(x), xp.ascontiguousarray(dy), key)
            for got, plain in zip(there_and_back(x, dy, key), want, strict=True):
                assert np.array_equal(got, plain)


def test_gelu_keeps_its_slope_in_training_and_its_input_in_evaluation(xp):
    x = draw((B, T, M), xp)
    _, (kept, slope) = Gelu().forward({}, x, KEY)
    assert kept is None and slope.shape == x.shape
    _, want = plain_gelu(to_host(x), 1.0)
    close(to_host(slope), want)
    _, (kept, slope) = Gelu().forward({}, x)
    assert kept is x and slope is None
    _, cache = Mlp(M, D).forward(redrawn(Mlp(M, D), xp), x, KEY)
    assert cache["gelu"][0] is None  # an Mlp passes its key on


@keys
def test_gelu_gradient_across_the_edges_of_pieces(key):
    with piece_of(SMALL):
        (check,) = gradcheck.check_layer(Gelu(), draw((B, T, M)), key=key)
    assert check.error <= gradcheck.LAYER_TOLERANCE


# sums


@pytest.mark.parametrize("shape", [(D,), (B, D), (B, T, D), (B, T, HEADS, D)], ids=str)
@dtypes
def test_sums_are_their_plain_forms(xp, shape, dtype):
    """The plain forms in the docstrings, for contiguous and for strided arrays."""
    strided = draw(shape[::-1], xp, seed=2, dtype=dtype).transpose()
    weights = draw((D,), xp, seed=3, dtype=dtype)
    for x in (draw(shape, xp, dtype=dtype), strided):
        host = to_host(x).astype(np.float64)
        pairs = [
            (token_sum(x), host.reshape(-1, D).sum(axis=0)),
            (feature_sum(x), host.sum(axis=-1, keepdims=True)),
            (feature_mean(x), host.mean(axis=-1, keepdims=True)),
            (feature_mean(x, weights), (host * to_host(weights)).mean(axis=-1, keepdims=True)),
        ]
        for got, want in pairs:
            assert got.dtype == dtype and got.shape == want.shape
            atol = 1e-13 if dtype is np.float64 else 1e-5
            np.testing.assert_allclose(to_host(got), want, rtol=atol, atol=atol)


# attention


@dtypes
def test_mean_dp_is_the_sum_over_keys_of_p_dp(xp, dtype):
    layer = Attention(D, HEADS)
    s, v, do = (
        draw(shape, xp, seed, dtype)
        for seed, shape in enumerate([(T, B, HEADS, T), (B, T, D), (B, T, D)])
    )
    p, o = by_head(softmax(s)), xp.empty((B, T, D), dtype=dtype)  # (B, heads, T keys, T queries)
    v_heads, do_heads = layer.split_heads(v), layer.split_heads(do)
    layer.split_heads(o)[...] = p.swapaxes(-1, -2) @ v_heads
    dp = v_heads @ do_heads.swapaxes(-1, -2)
    got = layer.mean_dp(do, o)
    assert got.dtype == dtype and got.shape == (B, HEADS, T) and got.flags.c_contiguous
    want = (to_host(p) * to_host(dp)).sum(axis=-2) / math.sqrt(D / HEADS)
    atol = 1e-13 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(to_host(got), want, rtol=atol, atol=atol)


@pytest.mark.parametrize("b, t", [(B, T), (1, T), (1, 1)])
def test_scores_are_scaled_and_q_does_not_change(xp, b, t):
    """With one token q^T is contiguous already; there too a copy is scaled."""
    layer = Attention(D, HEADS)
    k, q = (layer.split_heads(draw((b, t, D), xp, seed)) for seed in (0, 1))
    given = to_host(k).copy(), to_host(q).copy()
    s = layer.scores(k, q)
    assert s.shape == (t, b, HEADS, t) and s.flags.c_contiguous
    close(to_host(s), np.einsum("bhjk,bhik->jbhi", *given) / math.sqrt(D / HEADS))
    assert np.array_equal(to_host(k), given[0]) and np.array_equal(to_host(q), given[1])
