"""Does every forward compute what it says? Against slow, plain computations and known identities.

A gradient check cannot see a wrong forward whose backward matches it; these tests do.
"""

import math

import numpy as np
import pytest
from cases import HEADS, KEY, B, D, M, T, build, draw, needs_scipy, redrawn

from minivit import ConfigError, CrossEntropy, DataError, tree
from minivit.backend import to_device, to_host
from minivit.layers import (
    ClassPool,
    ClassToken,
    Dropout,
    Gelu,
    GeluErf,
    LayerNorm,
    Linear,
    MeanPool,
    Mlp,
    Patchify,
    PositionEmbedding,
    TransformerBlock,
)


def run(layer, params, x, xp, rng=None):
    """The layer's output for host arrays, as a host array."""
    moved = tree.map(lambda p: to_device(p, xp), params)
    return to_host(layer.forward(moved, to_device(x, xp), rng)[0])


def close(got, want, **tolerance):
    np.testing.assert_allclose(got, want, **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


# Linear, tokens, pooling


def test_linear_is_a_weighted_sum_and_a_bias(xp):
    layer, x = Linear(D, M), draw((B, T, D))
    params = redrawn(layer)
    y = run(layer, params, x, xp)
    for b, t, j in np.ndindex(B, T, M):
        want = sum(x[b, t, i] * params["w"][i, j] for i in range(D)) + params["b"][j]
        assert y[b, t, j] == pytest.approx(want, abs=1e-12)


def test_class_token_stands_first_and_the_patches_follow(xp):
    x, params = draw((B, T, D)), redrawn(ClassToken(D))
    y = run(ClassToken(D), params, x, xp)
    assert y.shape == (B, T + 1, D)
    assert (y[:, 0] == params["cls"]).all() and (y[:, 1:] == x).all()


def test_position_embedding_adds_each_position_its_own(xp):
    x, params = draw((B, T, D)), redrawn(PositionEmbedding(T, D))
    y = run(PositionEmbedding(T, D), params, x, xp)
    for t in range(T):
        assert (y[:, t] == x[:, t] + params["pos"][t]).all()


def test_pools(xp):
    x = draw((B, T, D))
    assert (run(ClassPool(), {}, x, xp) == x[:, 0]).all()
    close(run(MeanPool(), {}, x, xp), sum(x[:, t] for t in range(T)) / T)


# Patchify


def test_patchify_and_linear_are_a_strided_convolution(xp):
    p, images = 3, draw((B, 6, 9, 2))
    kernel = draw((p, p, 2, D), seed=1)  # rows, columns, channels in, channels out
    patches = run(Patchify(p), {}, images, xp)
    y = patches @ kernel.reshape(-1, D)
    for b, i, j in np.ndindex(B, 2, 3):
        want = np.zeros(D)
        for r, s, c in np.ndindex(p, p, 2):
            want += images[b, i * p + r, j * p + s, c] * kernel[r, s, c]
        close(y[b, i * 3 + j], want)


def test_patchify_backward_is_its_inverse(xp):
    images = draw((B, 6, 9, 2), xp)
    patches, cache = Patchify(3).forward({}, images)
    assert patches.shape == (B, 6, 18)
    back, grads = Patchify(3).backward(patches, cache)
    assert (to_host(back) == to_host(images)).all() and grads == {}


# LayerNorm


def plain_layernorm(x, gamma, beta, eps=1e-6):
    x = x.astype(np.float64)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * gamma + beta


def test_layernorm_is_the_textbook_formula(xp):
    layer, params, x = build("LayerNorm")
    close(run(layer, params, x, xp), plain_layernorm(x, params["gamma"], params["beta"]))


@pytest.mark.parametrize(
    "mean, scale, atol",
    [(1e4, 1.0, 1e-3), (0.0, 1e-20, 1e-3), (0.0, 1e18, 1e-3), (-1e3, 3.0, 1e-3)],
)
def test_layernorm_in_float32_far_from_zero(xp, mean, scale, atol):
    """E[x^2] - E[x]^2 is wrong by thousands at mean 1e4; two passes are not."""
    x = (mean + scale * draw((B, T, 64))).astype(np.float32)
    params = {"gamma": np.ones(64, np.float32), "beta": np.zeros(64, np.float32)}
    y = run(LayerNorm(64), params, x, xp)
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
    """The definition, one query at a time, in Python numbers."""
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


@pytest.mark.parametrize("gelu", [Gelu(), pytest.param(GeluErf(), marks=needs_scipy)])
def test_gelu_identity(xp, gelu):
    """gelu(x) - gelu(-x) = x, because the two shares add up to 1."""
    x = np.linspace(-8, 8, 161)
    close(run(gelu, {}, x, xp) - run(gelu, {}, -x, xp), x)


def test_gelu_tanh_is_the_published_formula(xp):
    x = np.linspace(-5, 5, 101)
    inner = [math.sqrt(2 / math.pi) * (v + 0.044715 * v**3) for v in x]
    close(
        run(Gelu(), {}, x, xp),
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


@pytest.mark.parametrize("gelu", [Gelu(), pytest.param(GeluErf(), marks=needs_scipy)])
def test_gelu_far_out_is_zero_or_x(xp, gelu):
    x = np.array([-1e13, -1e3, 1e3, 1e13], np.float32)
    assert (run(gelu, {}, x, xp) == [0, 0, 1e3, np.float32(1e13)]).all()
    _, cache = gelu.forward({}, to_device(x, xp))
    slope, _ = gelu.backward(to_device(np.ones(4, np.float32), xp), cache)
    assert (to_host(slope) == [0, 0, 1, 1]).all()


# Mlp and block: the same parts, put together by hand


def test_mlp_is_its_parts_in_a_row(xp):
    layer, params, x = build("Mlp")
    h = run(Gelu(), {}, run(layer.fc1, params["fc1"], x, xp), xp)
    close(run(layer, params, x, xp), run(layer.fc2, params["fc2"], h, xp))


def test_block_is_two_residual_corrections(xp):
    layer, params, x = build("TransformerBlock")
    norm = plain_layernorm(x, params["norm1"]["gamma"], params["norm1"]["beta"])
    x1 = x + looped_attention(params["attn"], norm, HEADS)
    norm = plain_layernorm(x1, params["norm2"]["gamma"], params["norm2"]["beta"])
    want = x1 + run(Mlp(D, M), params["mlp"], norm, xp)
    close(run(layer, params, x, xp), want)


# Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(xp, rate):
    x = np.ones((50, 40, 50))
    y = run(Dropout(rate), {}, x, xp, KEY)
    assert np.mean(y == 0) == pytest.approx(rate, abs=0.005)  # 3 standard errors at 0.5
    assert np.mean(y) == pytest.approx(1, abs=0.03)
    close(y[y != 0], 1 / (1 - rate), rtol=1e-4)  # rates are kept to 1/65536


def test_dropout_of_nearly_everything_stays_finite(xp):
    assert np.isfinite(run(Dropout(0.9999999), {}, np.ones((B, T, D)), xp, KEY)).all()


@pytest.mark.parametrize("name", ["Dropout", "Mlp with dropout", "TransformerBlock with dropout"])
def test_evaluation_drops_nothing(xp, name):
    layer, params, x = build(name)
    without = build(name.removesuffix(" with dropout").replace("Dropout", "Dropout of nothing"))[0]
    evaluated = run(layer, params, x, xp)
    assert (evaluated == run(without, params, x, xp)).all()
    assert (evaluated != run(layer, params, x, xp, KEY)).any()


def test_dropout_sites_of_the_mlp(xp):
    """After the GELU and after the second product, each with its own mask."""
    ones = np.ones((B, T, 50))
    mlp, names = Mlp(50, 50, 0.5), ("drop1", "drop2")
    masks = [run(Dropout(0.5), {}, ones, xp, KEY.at(name)) for name in names]
    assert (masks[0] != masks[1]).any()
    params = redrawn(mlp)
    h = run(Gelu(), {}, run(mlp.fc1, params["fc1"], ones, xp), xp) * masks[0]
    want = run(mlp.fc2, params["fc2"], h, xp) * masks[1]
    close(run(mlp, params, ones, xp, KEY), want, rtol=1e-9)


def test_dropout_sites_of_the_block(xp):
    """After the attention, and in the MLP: each half alone, the other half's output held at 0."""
    block, x = TransformerBlock(50, 5, 3, 0.5), draw((B, T, 50))
    for muted, fed in (("mlp.fc2", "norm1"), ("attn.proj", "norm2")):
        params = redrawn(block)
        part, last = muted.split(".")
        for name in ("w", "b"):
            params[part][last][name][...] = 0.0
        norm = plain_layernorm(x, params[fed]["gamma"], params[fed]["beta"])
        if fed == "norm1":
            h = run(block.attn, params["attn"], norm, xp)
            h *= run(Dropout(0.5), {}, np.ones_like(h), xp, KEY.at("drop"))
        else:
            h = run(block.mlp, params["mlp"], norm, xp, KEY.at("mlp"))
        close(run(block, params, x, xp, KEY), x + h, rtol=1e-9)


# Cross-entropy


def loss_of(logits, targets, xp, smoothing=0.0):
    loss, _ = CrossEntropy(smoothing).forward(to_device(logits, xp), to_device(targets, xp))
    return float(loss)


@pytest.mark.parametrize("classes", [1, 2, 10])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equal_logits_cost_ln_c(xp, classes, smoothing):
    logits, labels = np.full((B, classes), 3.0), np.arange(B) % classes
    assert loss_of(logits, labels, xp, smoothing) == pytest.approx(math.log(classes), abs=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.999])
def test_cross_entropy_is_its_formula(xp, smoothing):
    logits, labels, classes = draw((B, 7)), np.array([0, 6, 3, 3]), 7
    total = 0.0
    for i, label in enumerate(labels):
        bottom = sum(math.exp(z) for z in logits[i])
        for c in range(classes):
            q = (1 - smoothing) * (c == label) + smoothing / classes
            total -= q * math.log(math.exp(logits[i, c]) / bottom)
    assert loss_of(logits, labels, xp, smoothing) == pytest.approx(total / B, rel=1e-12)
    one_hot = np.eye(classes)[labels]
    assert loss_of(logits, one_hot, xp, smoothing) == pytest.approx(total / B, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_1e4_are_exact(xp, dtype):
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype)
    assert loss_of(logits[:1], np.array([0]), xp) == 0.0
    assert loss_of(logits[:1], np.array([1]), xp) == 2e4
    assert loss_of(logits[1:], np.array([2]), xp) == pytest.approx(math.log(3), rel=1e-6)
    loss = CrossEntropy()
    _, cache = loss.forward(to_device(logits, xp), to_device(np.array([1, 0]), xp))
    want = [[0.5, -0.5, 0.0], [-1 / 3, 1 / 6, 1 / 6]]
    close(to_host(loss.backward(1.0, cache)), want, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_the_batch(xp, smoothing):
    logits, labels = draw((B, 7)), np.arange(B)
    each = [loss_of(logits[i : i + 1], labels[i : i + 1], xp, smoothing) for i in range(B)]
    assert loss_of(logits, labels, xp, smoothing) == pytest.approx(sum(each) / B, rel=1e-12)


@pytest.mark.parametrize(
    "targets",
    [
        np.zeros(B - 1, np.int64),
        np.zeros((B, 1), np.int64),
        np.zeros((B, 7), np.int64),
        np.zeros(B),
        np.zeros((B, 6)),
        np.zeros((7, B)),
        np.zeros(B, bool),
        np.int64(3),
    ],
    ids=lambda targets: f"{targets.dtype}{targets.shape}",
)
def test_targets_of_another_shape_are_refused(xp, targets):
    targets = to_device(np.asarray(targets), xp)
    with pytest.raises(ConfigError, match=r"integers \(4,\) or probabilities \(4, 7\)"):
        CrossEntropy().forward(draw((B, 7), xp), targets)


@pytest.mark.parametrize("label", [-1, 7])
def test_labels_out_of_range_are_refused_on_the_host(label):
    with pytest.raises(DataError, match=r"labels must lie in 0\.\.6"):
        CrossEntropy().forward(draw((B, 7)), np.array([0, 1, 2, label]))
