"""Every backward is the derivative of its forward: central differences, in float64.

Layers are checked in every element, with parameters redrawn and the same dropout masks in every
forward; the whole model through its loss, in random directions. Each check is made with a key and
without: without one, dropout is off, and GELU computes its slope in backward, not in forward.
"""

import numpy as np
import pytest
from cases import KEY, LAYERS, B, build, draw, every_layer, needs_scipy, redrawn, tiny

from minivit import CrossEntropy, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.config import POOLS
from minivit.gradcheck_cases import C


def assert_right(checks, tolerance):
    wrong = [check for check in checks if not check.error <= tolerance]
    assert not wrong, f"wrong gradients: {wrong}"


@every_layer
def test_every_layer(xp, name):
    layer, params, x = build(name, xp)
    checks = gradcheck.check_layer(layer, x, params)
    assert [check.leaf for check in checks] == ["x", *dict(tree.walk(params))]
    assert_right(checks, gradcheck.LAYER_TOLERANCE)


@every_layer
def test_every_layer_in_evaluation(name):
    layer, params, x = build(name)
    assert_right(gradcheck.check_layer(layer, x, params, key=None), gradcheck.LAYER_TOLERANCE)


@every_layer
def test_input_that_is_not_contiguous(xp, name):
    layer, shape = LAYERS[name]
    x = draw(shape[::-1], xp).transpose()
    assert not x.flags.c_contiguous
    assert_right(gradcheck.check_layer(layer, x), gradcheck.LAYER_TOLERANCE)


@every_layer
def test_upstream_gradient_that_is_not_contiguous(xp, name):
    layer, params, x = build(name, xp)
    answers = []
    for strided in (False, True):
        y, cache = layer.forward(params, x, gradcheck.Key(0))
        dy = draw(y.shape[::-1], xp, seed=5).transpose()
        dx, grads = layer.backward(dy if strided else xp.ascontiguousarray(dy), cache)
        answers.append([to_host(dx), *(to_host(g) for _, g in tree.walk(grads))])
    for plain, strided in zip(*answers, strict=True):
        np.testing.assert_allclose(strided, plain, rtol=1e-12, atol=1e-12)


@every_layer
def test_batch_of_one(xp, name):
    layer, (_, *rest) = LAYERS[name]
    assert_right(gradcheck.check_layer(layer, draw((1, *rest), xp)), gradcheck.LAYER_TOLERANCE)


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
    images, labels = draw((B, 6, 6, 3), xp), to_device(np.arange(B), xp)
    checks = gradcheck.check_model(model, CrossEntropy(0.1), params, images, labels, key)
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    assert_right(checks, gradcheck.MODEL_TOLERANCE)
