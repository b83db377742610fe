"""The other layers of a residual network against slow, plain computations."""

import numpy as np
import pytest
from cases import KEY, B, D, close, draw, plain_layernorm, redrawn, run

from minivit import ConfigError, gradcheck
from minivit.arrays import tree
from minivit.convolution import (
    Chain,
    Convolution,
    GroupNorm,
    MaxPool,
    Relu,
    ResidualUnit,
    StandardisedConv,
)
from minivit.convolution.stems import resnet_stem, stem
from minivit.layers import Dropout, Gelu


def test_relu_keeps_what_is_positive(xp):
    x = draw((B, 5))
    x[0] = [0.0, -0.0, 1e-300, -1e-300, np.inf]
    close(run(Relu(), {}, x, xp), np.where(x > 0, x, 0))


@pytest.mark.parametrize("size, stride", [(3, 2), (2, 2), (3, 1), (1, 2), (4, 2)])
def test_maxpool_is_a_loop_over_windows(xp, size, stride):
    x = draw((2, 4, 6, 3)) - 5  # below 0: a border of zeros would win
    y = run(MaxPool(size, stride), {}, x, xp)
    assert y.shape == (2, 4 // stride, 6 // stride, 3)
    before = max(0, size - stride) // 2
    for n, i, j, k in np.ndindex(y.shape):
        r, c = (max(0, at * stride - before) for at in (i, j))
        stops = (at * stride - before + size for at in (i, j))
        window = x[n, r : next(stops), c : next(stops), k]
        assert y[n, i, j, k] == window.max()
    (check,) = gradcheck.check_layer(MaxPool(size, stride), x)
    assert check.error <= gradcheck.LAYER_TOLERANCE


def test_of_equal_numbers_the_first_gets_the_gradient(xp):
    layer, x = MaxPool(2, 2), xp.ones((1, 2, 4, 1))
    _, cache = layer.forward({}, x)
    dx, _ = layer.backward(xp.asarray(np.array([[[[3.0], [4.0]]]])), cache)
    assert dx.ravel().tolist() == [3, 0, 4, 0, 0, 0, 0, 0]


def test_overlapping_windows_with_one_maximum_add_their_gradients(xp):
    x = np.zeros((1, 4, 4, 1))
    x[0, 2, 2] = 1.0  # of all four windows of 3 x 3 that begin at 0 and 2
    layer = MaxPool(3, 2)
    _, cache = layer.forward({}, xp.asarray(x))
    dx, _ = layer.backward(xp.ones((1, 2, 2, 1)), cache)
    assert dx[0, 2, 2].tolist() == [4.0]


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_groupnorm_is_a_loop_over_groups(xp, groups):
    layer, x = GroupNorm(D, groups), draw((B, 3, 2, D))
    params = redrawn(layer)
    want, share = np.empty(x.shape), D // groups
    for n, g in np.ndindex(B, groups):
        own = slice(g * share, (g + 1) * share)
        group = x[n, ..., own]
        xhat = (group - group.mean()) / np.sqrt(group.var() + 1e-6)
        want[n, ..., own] = params["gamma"][own] * xhat + params["beta"][own]
    close(run(layer, params, x, xp), want)
    error = max(check.error for check in gradcheck.check_layer(layer, x, params, seed=1))
    assert error <= gradcheck.LAYER_TOLERANCE


def test_groupnorm_of_one_pixel_and_one_group_is_layernorm(xp):
    layer, x = GroupNorm(D, 1), draw((B, 1, 1, D))
    params = redrawn(layer)
    close(run(layer, params, x, xp), plain_layernorm(x, params["gamma"], params["beta"]))


def test_groupnorm_far_from_zero_in_float32():
    x = draw((1, 8, 8, 4)).astype(np.float32) + np.float32(1e4)
    layer = GroupNorm(4, 2)
    y, _ = layer.forward({"gamma": np.ones(4, "f"), "beta": np.zeros(4, "f")}, x)
    assert y.std() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("groups", [0, 4, 7, -1])
def test_groups_that_do_not_divide_the_channels_are_refused(groups):
    with pytest.raises(ConfigError, match=f"groups must divide channels: 6 .* {groups}"):
        GroupNorm(D, groups)
    with pytest.raises(ConfigError, match="groups must divide channels"):
        ResidualUnit(D, D, groups=7)


def normed(x, params, groups):
    """GroupNorm with NumPy's own functions."""
    split = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, var = (f(split, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
    xhat = ((split - mean) / np.sqrt(var + 1e-6)).reshape(x.shape)
    return xhat * params["gamma"] + params["beta"]


def products(x, w):
    """A 1 x 1 convolution with standardised weights."""
    return x @ ((w - w.mean(axis=0)) / (w.std(axis=0) + 1e-5))


@pytest.mark.parametrize("c_in, stride, shortcut", [(16, 1, False), (16, 2, True), (D, 1, True)])
def test_residual_unit_adds_a_branch_to_its_shortcut(xp, c_in, stride, shortcut):
    layer, x = ResidualUnit(c_in, 4, stride, groups=2), draw((2, 4, 6, c_in))
    params = redrawn(layer)
    assert ("shortcut" in params) == shortcut
    own = params["branch"]
    h = np.maximum(normed(products(x, own["conv1"]["w"]), own["norm1"], 2), 0)
    h = StandardisedConv(4, 4, 3, stride).forward(own["conv2"], h)[0]
    h = np.maximum(normed(h, own["norm2"], 2), 0)
    h = normed(products(h, own["conv3"]["w"]), own["norm3"], 2)
    same = x
    if shortcut:
        own = params["shortcut"]
        same = normed(products(x[:, ::stride, ::stride], own["conv"]["w"]), own["norm"], 2)
    close(run(layer, params, x, xp), np.maximum(h + same, 0))


def test_a_new_unit_passes_its_shortcut_only():
    layer, x = ResidualUnit(16, 4, groups=2), draw((2, 4, 2, 16))
    close(layer.forward(layer.init(np.random.default_rng(0)), x)[0], np.maximum(x, 0))


@pytest.mark.parametrize("c_in, stride", [(16, 1), (16, 2), (D, 1)])
def test_units_of_every_width_have_their_gradients(c_in, stride):
    layer = ResidualUnit(c_in, 4, stride, groups=2)
    params = tree.map(lambda p: 0.5 * p, redrawn(layer))
    checks = gradcheck.check_layer(layer, draw((2, 2, 4, c_in)), params)
    assert all(check.error <= gradcheck.LAYER_TOLERANCE for check in checks), checks


def test_a_chain_of_nothing_is_its_input():
    x = draw((B, D))
    y, cache = Chain(()).forward({}, x)
    dx, grads = Chain(()).backward(x, cache)
    assert y is x and dx is x and grads == {}


def test_a_chain_hands_each_layer_its_own_parameters(xp):
    chain = Chain((("one", Convolution(2, 3, 1)), ("relu", Relu()), ("two", Convolution(3, D, 2))))
    params, x = redrawn(chain), draw((2, 4, 2, 2))
    assert list(params) == ["one", "two"]
    h = np.maximum(x @ params["one"]["w"] + params["one"]["b"], 0)
    close(run(chain, params, x, xp), Convolution(3, D, 2).forward(params["two"], h)[0])


def test_a_chain_hands_each_layer_its_own_key():
    chain = Chain((("one", Dropout(0.5)), ("two", Dropout(0.5))))
    y, _ = chain.forward({}, np.ones((4, 50)), KEY)
    first, _ = Dropout(0.5).forward({}, np.ones((4, 50)), KEY.at("one"))
    second, _ = Dropout(0.5).forward({}, np.ones((4, 50)), KEY.at("two"))
    assert (y == first * second).all() and 0.1 < (y > 0).mean() < 0.4


@pytest.mark.parametrize("name", ["small", "small-3"])
def test_a_small_stem_is_two_or_three_convolutions_with_norms(xp, name):
    made, x = stem(name, 3), draw((2, 8, 4, 3))
    params = redrawn(made)
    h = Convolution(3, 48, 3, 2).forward(params["conv1"], x)[0]
    h = Gelu().forward({}, plain_layernorm(h, *params["norm1"].values()))[0]
    h = Convolution(48, 96, 3, 2).forward(params["conv2"], h)[0]
    want = plain_layernorm(h, *params["norm2"].values())
    if name == "small-3":
        h = Convolution(96, 96, 3).forward(params["conv3"], Gelu().forward({}, want)[0])[0]
        want = plain_layernorm(h, *params["norm3"].values())
    assert want.shape == (2, 2, 1, 96)
    close(run(made, params, x, xp), want, atol=1e-10)


@pytest.mark.parametrize("units, side, channels", [((1,), 4, 16), ((2, 1), 2, 32), ((), 4, 4)])
def test_the_stages_of_a_residual_stem(units, side, channels):
    """Each stage but the first halves the side; each doubles the channels of the one before."""
    stem = resnet_stem(3, units, root=4, groups=2)
    y, _ = stem.forward(redrawn(stem), draw((1, 16, 16, 3)))
    assert y.shape == (1, side, side, channels)
