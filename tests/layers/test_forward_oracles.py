"""Every forward against a slow, plain computation or a known identity.

A gradient check cannot detect a wrong forward with a matching backward; these tests can.
"""

import math

import numpy as np
import pytest
from cases import (
    DROPOUT,
    HEADS,
    KEY,
    B,
    D,
    M,
    T,
    build,
    close,
    draw,
    needs_scipy,
    plain_layernorm,
    redrawn,
    run,
)

from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.layers import (
    Attention,
    ClassPool,
    ClassToken,
    Gelu,
    GeluErf,
    GridPositions,
    LayerNorm,
    Linear,
    MeanPool,
    Mlp,
    OverlappingPatches,
    Patchify,
    PositionEmbedding,
    RelativeAttention,
    SincosPositions,
    TransformerBlock,
)
from minivit.layers.relative import offset_tables

# Linear, tokens, pooling


def test_linear_is_a_weighted_sum_and_a_bias(xp):
    layer, x = Linear(D, M), draw((B, T, D))
    params = redrawn(layer)
    y = run(layer, params, x, xp)
    for b, t, j in np.ndindex(B, T, M):
        want = sum(x[b, t, i] * params["w"][i, j] for i in range(D)) + params["b"][j]
        assert y[b, t, j] == pytest.approx(want, abs=1e-12)


def test_class_token_comes_first_and_the_patches_follow(xp):
    x, params = draw((B, T, D)), redrawn(ClassToken(D))
    y = run(ClassToken(D), params, x, xp)
    assert y.shape == (B, T + 1, D)
    assert (y[:, 0] == params["cls"]).all() and (y[:, 1:] == x).all()


def test_position_embedding_adds_a_vector_for_each_position(xp):
    x, params = draw((B, T, D)), redrawn(PositionEmbedding(T, D))
    y = run(PositionEmbedding(T, D), params, x, xp)
    for t in range(T):
        assert (y[:, t] == x[:, t] + params["pos"][t]).all()


def test_grid_positions_add_one_vector_for_the_row_and_one_for_the_column(xp):
    layer, params, x = build("GridPositions")
    y, half = run(layer, params, x, xp), D // 2
    assert (y[:, 0] == x[:, 0]).all()  # the class token is on no grid
    for i, j in np.ndindex(2, 3):
        added = np.concatenate([params["row"][i], params["column"][j]])
        close(y[:, 1 + 3 * i + j], x[:, 1 + 3 * i + j] + added)
    odd = GridPositions(3, 2, 5)
    assert [leaf.shape for leaf in odd.init(None).values()] == [(3, 2), (2, 3)] and half == 3


@pytest.mark.parametrize("dim", [8, 6])
def test_fixed_positions_are_waves_of_row_and_column(xp, dim):
    rows, columns, quarter = 3, 2, -(-dim // 4)
    x = draw((B, 1 + rows * columns, dim))
    y = run(SincosPositions(rows, columns, dim, 1), {}, x, xp)
    assert (y[:, 0] == x[:, 0]).all()
    for i, j in np.ndindex(rows, columns):
        waves = []
        for place in (i, j):
            for wave in (math.sin, math.cos):
                waves += [wave(place * 10_000 ** (-n / quarter)) for n in range(quarter)]
        close(y[:, 1 + columns * i + j], x[:, 1 + columns * i + j] + waves[:dim])


def offset_number(query, key, rows, columns):
    """The place of a pair in the table of biases; None stands for the class token."""
    count = (2 * rows - 1) * (2 * columns - 1)
    if query is None or key is None:
        return count + (2 if query is key else 0 if query is None else 1)
    down, right = query[0] - key[0], query[1] - key[1]
    return (down + rows - 1) * (2 * columns - 1) + right + columns - 1


@pytest.mark.parametrize("prefix", [0, 1])
def test_relative_attention_is_attention_with_a_number_for_each_offset(xp, prefix):
    rows, columns, k = 2, 3, D // HEADS
    layer = RelativeAttention(D, HEADS, rows, columns, prefix)
    places = [None] * prefix + [(i, j) for i in range(rows) for j in range(columns)]
    params, x = redrawn(layer), draw((B, len(places), D))
    qkv = x @ params["qkv"]["w"] + params["qkv"]["b"]
    o = np.zeros(x.shape)
    for b, h in np.ndindex(B, HEADS):
        q, keys, v = (qkv[b, :, n * D + h * k : n * D + (h + 1) * k] for n in range(3))
        for i, query in enumerate(places):
            s = [
                q[i] @ keys[j] / math.sqrt(k)
                + params["bias"][h, offset_number(query, place, rows, columns)]
                for j, place in enumerate(places)
            ]
            p = np.exp(s) / np.exp(s).sum()
            o[b, i, h * k : (h + 1) * k] = p @ v
    close(run(layer, params, x, xp), o @ params["proj"]["w"] + params["proj"]["b"], rtol=1e-10)


def test_relative_attention_without_bias_is_attention(xp):
    layer = RelativeAttention(D, HEADS, 2, 3, 1)
    params, x = redrawn(layer), draw((B, 7, D))
    params["bias"][...] = 0
    plain = {name: params[name] for name in ("qkv", "proj")}
    close(run(layer, params, x, xp), run(Attention(D, HEADS), plain, x, xp))
    bias = RelativeAttention(D, HEADS, 9, 9).init(np.random.default_rng(0))["bias"]
    assert bias.shape == (HEADS, 17 * 17) and bias.std() == pytest.approx(2, rel=0.1)


def test_each_pair_is_in_the_row_of_its_offset():
    index, pairs = offset_tables(2, 3, 1)
    assert index.shape == (7, 7) and len(pairs) == 3 * 5 + 3
    for offset, row in enumerate(pairs):
        assert set(row[row < 49]) == set(np.flatnonzero(index.ravel() == offset))
    assert sorted(pairs[pairs < 49]) == list(range(49))


def test_a_relative_block_is_a_block_with_that_attention(xp):
    layer, params, x = build("RelativeBlock")
    plain = TransformerBlock(D, HEADS, M, DROPOUT)
    object.__setattr__(plain, "attn", RelativeAttention(D, HEADS, 2, 2, 1))
    close(run(layer, params, x, xp), run(plain, params, x, xp))
    params["attn"]["bias"][...] = 0
    assert np.abs(run(layer, params, x, xp) - run(plain, redrawn(plain), x, xp)).max() > 1e-3


def test_pools(xp):
    x = draw((B, T, D))
    assert (run(ClassPool(), {}, x, xp) == x[:, 0]).all()
    close(run(MeanPool(), {}, x, xp), sum(x[:, t] for t in range(T)) / T)


def test_pre_logits_is_the_tanh_of_a_linear_layer(xp):
    layer, params, x = build("PreLogits")
    close(run(layer, params, x, xp), np.tanh(x @ params["w"] + params["b"]))


def test_head_hidden_is_the_gelu_of_a_linear_layer(xp):
    layer, params, x = build("HeadHidden")
    h = x @ params["w"] + params["b"]
    u = math.sqrt(2 / math.pi) * (h + 0.044715 * h * h * h)
    close(run(layer, params, x, xp), h * (1 + np.tanh(u)) / 2)


# Patchify


def test_patchify_and_linear_are_a_strided_convolution(xp):
    p, q, images = 3, 4, draw((B, 6, 12, 2))
    kernel = draw((p, q, 2, D), seed=1)  # rows, columns, channels in, channels out
    patches = run(Patchify(p, q), {}, images, xp)
    y = patches @ kernel.reshape(-1, D)
    for b, i, j in np.ndindex(B, 2, 3):
        want = np.zeros(D)
        for r, s, c in np.ndindex(p, q, 2):
            want += images[b, i * p + r, j * q + s, c] * kernel[r, s, c]
        close(y[b, i * 3 + j], want)


def test_patchify_backward_is_its_inverse(xp):
    layer, images = Patchify(3, 4), draw((B, 6, 12, 2), xp)
    patches, cache = layer.forward({}, images)
    assert patches.shape == (B, 6, 24)
    back, grads = layer.backward(patches, cache)
    assert (to_host(back) == to_host(images)).all() and grads == {}


# OverlappingPatches


@pytest.mark.parametrize("overlap", [0, 1, 4])
def test_overlapping_patches_and_linear_are_a_padded_convolution(xp, overlap):
    p, q, images = 3, 4, draw((B, 6, 12, 2))
    k, m = p + 2 * overlap, q + 2 * overlap
    kernel = draw((k, m, 2, D), seed=1)  # rows, columns, channels in, channels out
    patches = run(OverlappingPatches(p, q, overlap), {}, images, xp)
    y = patches @ kernel.reshape(-1, D)
    for b, i, j in np.ndindex(B, 2, 3):
        want = np.zeros(D)
        for r, s, c in np.ndindex(k, m, 2):
            u, v = i * p + r - overlap, j * q + s - overlap
            if 0 <= u < 6 and 0 <= v < 12:
                want += images[b, u, v, c] * kernel[r, s, c]
        close(y[b, i * 3 + j], want)


def test_overlapping_patches_backward_adds_up_the_gradients_of_a_pixel(xp):
    layer, images = OverlappingPatches(3, 3, 1), draw((B, 6, 9, 2), xp)
    patches, cache = layer.forward({}, images)
    back, grads = layer.backward(patches, cache)  # each pixel times the patches it lies in
    rows, columns = [1, 1, 2, 2, 1, 1], [1, 1, 2, 2, 1, 2, 2, 1, 1]
    close(to_host(back), to_host(images) * np.outer(rows, columns)[:, :, None])
    assert grads == {}


# LayerNorm


def test_layernorm_is_the_textbook_formula(xp):
    layer, params, x = build("LayerNorm")
    close(run(layer, params, x, xp), plain_layernorm(x, params["gamma"], params["beta"]))


@pytest.mark.parametrize("dim", [64, 192])  # 1/192 is no float32
@pytest.mark.parametrize(
    "mean, scale, atol",
    [(1e4, 1.0, 4e-3), (-1e3, 3.0, 4e-4), (0.0, 1e-20, 1e-12), (0.0, 1e18, 1e-5)],
)
def test_layernorm_in_float32_far_from_zero(xp, mean, scale, atol, dim):
    """E[x^2] - E[x]^2 is wrong by thousands at mean 1e4; two passes only round x - mean."""
    x = (mean + scale * draw((B, T, dim))).astype(np.float32)
    params = {"gamma": np.ones(dim, np.float32), "beta": np.zeros(dim, np.float32)}
    y = run(LayerNorm(dim), params, x, xp)
    close(y, plain_layernorm(x, 1, 0), atol=atol, rtol=0)


@pytest.mark.parametrize("dim", [1, D])
def test_layernorm_of_a_constant_token_is_beta_with_finite_gradients(xp, dim):
    layer, x = LayerNorm(dim), np.full((B, T, dim), 7.0)
    params = redrawn(layer)
    close(run(layer, params, x, xp), np.broadcast_to(params["beta"], x.shape), atol=1e-9)
    _, cache = layer.forward(redrawn(layer, xp), to_device(x, xp))
    dx, _ = layer.backward(draw(x.shape, xp), cache)
    assert np.isfinite(to_host(dx)).all()


# Attention


def looped_attention(params, x, heads):
    """The definition, one query at a time, with Python numbers."""
    b, t, d = x.shape
    k = d // heads
    q_k_v = x @ params["qkv"]["w"] + params["qkv"]["b"]
    o = np.zeros((b, t, d))
    for image, head, query in np.ndindex(b, heads, t):
        own = slice(head * k, (head + 1) * k)
        q = q_k_v[image, query, :d][own]
        scores = []
        for key in range(t):
            scores.append(float(q @ q_k_v[image, key, d : 2 * d][own]) / math.sqrt(k))
        weights = [math.exp(s) for s in scores]
        for key in range(t):
            share = weights[key] / sum(weights)
            o[image, query, own] += share * q_k_v[image, key, 2 * d :][own]
    return o @ params["proj"]["w"] + params["proj"]["b"]


def test_attention_is_its_definition(xp):
    layer, params, x = build("Attention")
    close(run(layer, params, x, xp), looped_attention(params, x, HEADS))


@pytest.mark.parametrize("name", ["Attention", "TransformerBlock"])
def test_permuting_the_tokens_permutes_the_output(xp, name):
    layer, params, x = build(name)
    order = np.random.default_rng(4).permutation(T)
    close(run(layer, params, x[:, order], xp), run(layer, params, x, xp)[:, order])


def test_attention_weights_of_every_query_sum_to_1(xp):
    """With all values equal to v, every token gets v, whatever the weights are."""
    layer, params, x = build("Attention")
    params["qkv"]["w"][:, 2 * D :] = 0.0
    y = run(layer, params, x, xp)
    v = params["qkv"]["b"][2 * D :]
    close(y, np.broadcast_to(v @ params["proj"]["w"] + params["proj"]["b"], y.shape))


def test_attention_survives_scores_of_1e4(xp):
    layer, params, x = build("Attention")
    x = (100 * x).astype(np.float32)
    params = tree.map(np.float32, params)
    assert np.isfinite(run(layer, params, x, xp)).all()


# GELU

both_gelus = pytest.mark.parametrize("gelu", [Gelu(), pytest.param(GeluErf(), marks=needs_scipy)])
keys = pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])


@both_gelus
@keys
def test_gelu_identity(xp, gelu, key):
    """gelu(x) - gelu(-x) = x, because the gates of x and -x add up to 1."""
    x = np.linspace(-8, 8, 161)
    close(run(gelu, {}, x, xp, key) - run(gelu, {}, -x, xp, key), x)


@keys
def test_gelu_tanh_is_the_published_formula(xp, key):
    x = np.linspace(-5, 5, 101)
    inner = [math.sqrt(2 / math.pi) * (v + 0.044715 * v**3) for v in x]
    close(
        run(Gelu(), {}, x, xp, key),
        [0.5 * v * (1 + math.tanh(u)) for v, u in zip(x, inner, strict=True)],
    )


@needs_scipy
def test_gelu_erf_is_the_exact_one(xp):
    x = np.linspace(-5, 5, 101)
    close(run(GeluErf(), {}, x, xp), [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])


@needs_scipy
def test_the_two_gelus_differ_by_less_than_5e_4(xp):
    x = np.linspace(-10, 10, 2001)
    gap = np.abs(run(Gelu(), {}, x, xp) - run(GeluErf(), {}, x, xp))
    assert 4e-4 < gap.max() < 4.8e-4


@both_gelus
@keys
@pytest.mark.parametrize("far", [1e2, 1e3, 1e13, 1e20, 1e30])
def test_gelu_far_out_is_zero_or_x(xp, gelu, key, far):
    """In float32 even the square of 1e20 is infinite; a slope of 0 times infinity would be NaN."""
    x = np.array([-far, far], np.float32)
    with np.errstate(over="ignore"):
        y, cache = gelu.forward({}, to_device(x, xp), key)
        slope, _ = gelu.backward(to_device(np.ones(2, np.float32), xp), cache)
    assert to_host(y).tolist() == [0, x[1]] and to_host(slope).tolist() == [0, 1]


# Mlp and block: the same parts, combined by hand


@keys
def test_mlp_is_its_parts_in_a_row(xp, key):
    layer, params, x = build("Mlp without dropout")
    h = run(Gelu(), {}, run(layer.fc1, params["fc1"], x, xp), xp)
    close(run(layer, params, x, xp, key), run(layer.fc2, params["fc2"], h, xp))


def test_block_is_two_residual_corrections(xp):
    layer, params, x = build("TransformerBlock")
    norm = plain_layernorm(x, params["norm1"]["gamma"], params["norm1"]["beta"])
    x1 = x + looped_attention(params["attn"], norm, HEADS)
    norm = plain_layernorm(x1, params["norm2"]["gamma"], params["norm2"]["beta"])
    want = x1 + run(Mlp(D, M), params["mlp"], norm, xp)
    close(run(layer, params, x, xp), want)
