"""The checker itself: it detects wrong backwards, passes right ones, and restores its inputs.

A checker that cannot fail is worse than none. So the tests plant mistakes, one at a time, in layers
that are right.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from cases import KEY, B, D, T, build, draw, redrawn, tiny

from minivit import CrossEntropy, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.layers import LayerNorm, Linear


@dataclass(frozen=True)
class Planted(Linear):
    """Linear whose backward has one mistake: `mistake` is a function (dx, grads) -> (dx, grads)."""

    mistake: object = None

    def backward(self, dy, cache):
        return self.mistake(*super().backward(dy, cache))


def errors_of(mistake, xp, d_out=D):
    """{leaf: error} of a square Linear with that mistake (so that a transposed gradient fits)."""
    layer = Planted(D, d_out, mistake=mistake)
    checks = gradcheck.check_layer(layer, draw((B, T, D), xp))
    return {check.leaf: check.error for check in checks}


def spoil(gradient, place, value):
    gradient = gradient.copy()
    gradient[place] = value
    return gradient


MISTAKES = {  # name: (mistake, the one leaf that it spoils)
    "a factor": (lambda dx, g: (dx, {**g, "w": 2 * g["w"]}), "w"),
    "a small factor": (lambda dx, g: (1.000001 * dx, g), "x"),
    "a sign": (lambda dx, g: (-dx, g), "x"),
    "a mean for a sum": (lambda dx, g: (dx, {**g, "b": g["b"] / (B * T)}), "b"),
    "a missing term": (lambda dx, g: (dx, {**g, "b": g["b"] - 0.1}), "b"),
    "a transposed matrix": (lambda dx, g: (dx, {**g, "w": g["w"].T}), "w"),
    "one wrong element": (lambda dx, g: (dx, {**g, "w": spoil(g["w"], (3, 4), 0.0)}), "w"),
    "zero": (lambda dx, g: (0 * dx, g), "x"),
    "NaN": (lambda dx, g: (spoil(dx, (1, 2, 3), np.nan), g), "x"),
    "infinity": (lambda dx, g: (dx, {**g, "w": spoil(g["w"], (0, 0), np.inf)}), "w"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_backward_is_caught_and_its_leaf_named(xp, name):
    mistake, leaf = MISTAKES[name]
    errors = errors_of(mistake, xp)
    assert {n for n, error in errors.items() if not error <= gradcheck.LAYER_TOLERANCE} == {leaf}


def test_a_right_backward_passes(xp):
    errors = errors_of(lambda dx, g: (dx, g), xp)
    assert set(errors) == {"x", "w", "b"}
    assert max(errors.values()) < 1e-9


@pytest.mark.parametrize(
    "mistake, words",
    [
        (lambda dx, g: (dx, {"w": g["w"]}), "gradient b"),
        (lambda dx, g: (dx, {**g, "extra": dx}), "gradient extra"),
        (lambda dx, g: (dx, {"weight": g["w"], "b": g["b"]}), "gradient w"),
        (lambda dx, g: (dx, {**g, "w": g["w"].T}), "gradient w"),
        (lambda dx, g: (dx, {**g, "b": g["b"][None]}), "gradient b"),
        (lambda dx, g: (dx[0], g), "gradient x"),
        (lambda dx, g: (dx.reshape(-1, D), g), "gradient x"),
    ],
    ids="missing extra misnamed transposed broadcastable a-batch-short rows".split(),
)
def test_wrong_names_and_shapes_are_refused(xp, mistake, words):
    with pytest.raises(AssertionError, match=words):
        errors_of(mistake, xp, d_out=D + 1)


def test_the_worst_place_is_named():
    layer = Planted(D, D, mistake=lambda dx, g: (dx, {**g, "w": spoil(g["w"], (3, 4), 1e3)}))
    right, wrong = (
        {check.leaf: check for check in gradcheck.check_layer(each, draw((B, T, D)))}["w"]
        for each in (Linear(D, D), layer)
    )
    assert wrong.index == (3, 4) and wrong.analytic == 1e3
    assert abs(wrong.numeric) < 100  # the differences do not contain the mistake
    assert wrong.error > 10 and right.error < 1e-9


def test_a_zero_dx_of_layernorm_is_caught(xp):
    """With dy = 1 and gamma = 1 it would pass: then a LayerNorm's outputs have a constant sum."""

    @dataclass(frozen=True)
    class Lazy(LayerNorm):
        def backward(self, dy, cache):
            dx, grads = super().backward(dy, cache)
            return 0 * dx, grads

    checks = gradcheck.check_layer(Lazy(D), draw((B, D), xp))
    assert next(check for check in checks if check.leaf == "x").error > 0.5


def test_a_wrong_loss_gradient_is_caught(xp):
    @dataclass(frozen=True)
    class Careless(CrossEntropy):
        def backward(self, dloss, cache):  # forgets dloss
            return super().backward(1.0, cache)

    logits, labels = draw((B, 7), xp), to_device(np.arange(B), xp)
    assert gradcheck.check_loss(CrossEntropy(), logits, labels).error < 1e-8
    assert gradcheck.check_loss(Careless(), logits, labels).error > 0.1


def test_a_wrong_model_is_caught(xp):
    """A direction changes all elements of a leaf at once: one wrong position of nine is enough."""
    model, labels = tiny(), to_device(np.arange(B), xp)
    params, images = redrawn(model, xp), draw((B, 6, 6, 3), xp)

    def wrong_leaves():
        checks = gradcheck.check_model(model, CrossEntropy(), params, images, labels, KEY)
        return [check.leaf for check in checks if not check.error <= gradcheck.MODEL_TOLERANCE]

    assert wrong_leaves() == []
    right = model.backward

    def wrong(dlogits, cache):
        dimages, grads = right(dlogits, cache)
        grads["position"]["pos"][4] = 0.0
        return dimages, grads

    model.backward = wrong
    assert wrong_leaves() == ["position.pos"]


@pytest.mark.parametrize("name", ["Linear", "TransformerBlock"])
def test_inputs_and_parameters_are_restored(xp, name):
    layer, params, x = build(name, xp)
    before = [to_host(a).copy() for a in (x, *dict(tree.walk(params)).values())]
    gradcheck.check_layer(layer, x, params)
    after = [to_host(a) for a in (x, *dict(tree.walk(params)).values())]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_the_model_and_its_images_are_restored(xp):
    model, labels = tiny(), to_device(np.arange(B), xp)
    params, images = redrawn(model, xp), draw((B, 6, 6, 3), xp)
    before = [to_host(a).copy() for a in (images, *dict(tree.walk(params)).values())]
    gradcheck.check_model(model, CrossEntropy(), params, images, labels)
    after = [to_host(a) for a in (images, *dict(tree.walk(params)).values())]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_redraw_leaves_nothing_at_its_start():
    params = gradcheck.redraw(tiny().init(None), np.random.default_rng(0))
    for name, leaf in tree.walk(params):
        assert leaf.dtype == np.float64 and not np.isin(leaf, (0.0, 1.0)).any(), name
        assert leaf.std() > 0.3, name
