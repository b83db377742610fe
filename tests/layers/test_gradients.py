"""Every backward is the derivative of its forward: central differences, in float64.

Layers are checked in every element, with parameters redrawn and the same dropout masks in every
forward; the whole model through its loss, in random directions. Each check is made with a key and
without: without one, dropout is off, and GELU computes its slope in backward, not in forward.
"""

import numpy as np
import pytest
from cases import KEY, LAYERS, B, build, close, draw, every_layer, needs_scipy, redrawn, tiny

from minivit import CrossEntropy, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import array_module, to_device, to_host
from minivit.config import POOLS
from minivit.gradcheck_cases import C


def assert_right(checks, tolerance):
    wrong = [check for check in checks if not check.error <= tolerance]
    assert not wrong, f"wrong gradients: {wrong}"


@every_layer
def test_every_layer(xp, name):
    """By differences on the host; elsewhere its gradients are those of the host."""
    layer, params, x = build(name, xp)
    if xp is not np:
        return assert_those_of_the_host(layer, params, x)
    checks = gradcheck.check_layer(layer, x, params)
    assert [check.leaf for check in checks] == ["x", *dict(tree.walk(params))]
    assert_right(checks, gradcheck.LAYER_TOLERANCE)


@every_layer
def test_every_layer_in_evaluation(name):
    layer, params, x = build(name)
    assert_right(gradcheck.check_layer(layer, x, params, key=None), gradcheck.LAYER_TOLERANCE)


def gradients(layer, params, x, strided_dy=False):
    """Of x and all parameters, on the host, for one upstream gradient."""
    xp = array_module(x)
    y, cache = layer.forward(params, x, gradcheck.Key(0))
    dy = draw(y.shape[::-1], xp, seed=5).transpose()
    dx, grads = layer.backward(dy if strided_dy else xp.ascontiguousarray(dy), cache)
    return [to_host(dx), *(to_host(g) for _, g in tree.walk(grads))]


def assert_same(answers, others, **tolerance):
    for answer, other in zip(answers, others, strict=True):
        close(answer, other, **tolerance)


def assert_those_of_the_host(layer, params, x):
    """The gradients that a layer has where these arrays are."""
    at_home = tree.map(to_host, params), to_host(x)
    got = gradients(layer, params, x)
    assert_same(got, gradients(layer, *at_home), rtol=1e-9, atol=1e-9)


@every_layer
def test_input_that_is_not_contiguous(xp, name):
    """Its gradients are those of the same numbers in order, which are checked above."""
    layer, params, x = build(name, xp)
    x = draw(x.shape[::-1], xp).transpose()
    assert not x.flags.c_contiguous
    assert_same(gradients(layer, params, x), gradients(layer, params, xp.ascontiguousarray(x)))


@every_layer
def test_upstream_gradient_that_is_not_contiguous(xp, name):
    layer, params, x = build(name, xp)
    assert_same(gradients(layer, params, x, strided_dy=True), gradients(layer, params, x))


@every_layer
def test_batch_of_one(xp, name):
    """By differences on the host; elsewhere its gradients are those of the host."""
    layer, (_, *rest) = LAYERS[name]
    x = draw((1, *rest), xp)
    if xp is np:
        assert_right(gradcheck.check_layer(layer, x), gradcheck.LAYER_TOLERANCE)
    else:
        assert_those_of_the_host(layer, redrawn(layer, xp), x)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.999])
@pytest.mark.parametrize("kind", ["labels", "probabilities", "weights"])
def test_cross_entropy(xp, kind, smoothing):
    rng = np.random.default_rng(2)
    targets = {
        "labels": rng.integers(0, C, B),
        "probabilities": rng.dirichlet(np.ones(C), B),
        "weights": rng.uniform(0, 2, (B, C)),  # rows need not sum to 1
    }[kind]
    loss = CrossEntropy(smoothing)
    check = gradcheck.check_loss(loss, draw((B, C), xp), to_device(targets, xp))
    assert_right([check], gradcheck.LAYER_TOLERANCE)


@pytest.mark.parametrize("gelu", ["tanh", pytest.param("erf", marks=needs_scipy), "relu"])
@pytest.mark.parametrize("pool", POOLS)
def test_whole_model(xp, pool, gelu):
    assert_whole_model(xp, tiny(pool=pool, gelu=gelu, dropout=0.2))


@pytest.mark.parametrize("pool", POOLS)
def test_whole_model_in_evaluation(pool):
    assert_whole_model(np, tiny(pool=pool, dropout=0.2, drop_path=0.5, patch_dropout=0.4), None)


@pytest.mark.parametrize("pool", POOLS)
def test_whole_model_with_drop_path_patch_dropout_and_overlapping_patches(xp, pool):
    rates = {"dropout": 0.2, "drop_path": 0.5, "patch_dropout": 0.4}
    assert_whole_model(xp, tiny(pool=pool, patch_overlap=1, **rates))


def assert_whole_model(xp, model, key=KEY):
    params = redrawn(model, xp)
    images, labels = draw((B, 6, 6, 3), xp), np.arange(B)
    if xp is not np:
        return assert_those_of_the_host(model, params, images)
    checks = gradcheck.check_model(model, CrossEntropy(0.1), params, images, labels, key)
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    assert_right(checks, gradcheck.MODEL_TOLERANCE)
