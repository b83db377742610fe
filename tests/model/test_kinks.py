"""The checker at points without a derivative: it says so, neither failing nor passing by luck."""

from dataclasses import dataclass

import numpy as np
import pytest
from cases import draw

from minivit import CrossEntropy
from minivit.checking.directions import Directions
from minivit.checking.kinks import check_with_kinks
from minivit.checking.point import point_of
from minivit.convolution import MaxPool, Relu
from minivit.gradcheck import LAYER_TOLERANCE, STEP

SHARES = [0.0, 0.3, -0.3, 1 / 3, 0.5, -0.6, 0.9]  # of the step: how far from the kink x is


@dataclass(frozen=True)
class Function:
    """A layer without parameters, of one function and what is said to be its slope."""

    function: object
    slope: object

    def init(self, rng):
        return {}

    def forward(self, params, x, key=None):
        return self.function(x), x

    def backward(self, dy, cache):
        return dy * self.slope(cache), {}


def checked(layer, x):
    """Of the only leaf, x: the check, and how many elements are left out."""
    (check,), kinks = check_with_kinks(point_of(layer, x, {}))
    return check, sum(kink.left_out for kink in kinks)


@pytest.mark.parametrize("share", SHARES)
def test_a_kink_of_relu_is_recognised(xp, share):
    x = draw((3, 4), xp)
    x[1, 2] = share * STEP
    check, kinks = checked(Relu(), x)
    assert kinks == 1 and check.error <= LAYER_TOLERANCE


def test_all_of_them_are_counted():
    x = draw((3, len(SHARES)))
    x[1] = np.array(SHARES) * STEP
    assert checked(Relu(), x)[1] == len(SHARES)


@pytest.mark.parametrize("share", [1.1, -1.5, 3.0])
def test_a_kink_beyond_the_step_does_not_count(share):
    x = draw((3, 4))
    x[1, 2] = share * STEP
    check, kinks = checked(Relu(), x)
    assert kinks == 0 and check.error <= LAYER_TOLERANCE


def test_a_tie_of_maxpool_is_recognised():
    x = draw((1, 4, 4, 2))
    x[0, 1, 1, 0] = x[0, 0, 1, 0] = 9.0
    check, kinks = checked(MaxPool(2, 2), x)
    assert kinks == 2 and check.error <= LAYER_TOLERANCE


def test_nothing_passes_by_luck():
    """The central difference of |x| at 0 is 0, as is this slope: neither is its derivative."""
    x = draw((3, 4))
    x[0, 1] = 0.0
    assert checked(Function(np.abs, np.sign), x)[1] == 1


def test_a_wrong_gradient_at_a_kink_is_no_kink():
    """Beyond both slopes of |x|: more than a kink explains."""
    x = draw((3, 4))
    x[0, 1] = 0.0
    check, kinks = checked(Function(np.abs, lambda x: np.where(x == 0, 1.5, np.sign(x))), x)
    assert kinks == 0 and check.error > 0.1 and check.index == (0, 1)


@pytest.mark.parametrize("slope", [lambda x: 1.0, lambda x: (x > -0.5) * 1.0, lambda x: 0 * x])
def test_a_wrong_relu_is_caught_beside_its_kinks(slope):
    x = draw((3, 4))
    x[1, 2], x[0, 0] = 0.0, -0.2
    assert checked(Function(lambda x: np.maximum(x, 0), slope), x)[0].error > 0.1


SMOOTH = {  # strongly curved, some with slope 0 at 0
    "square": (np.square, lambda x: 2 * x),
    "cube": (lambda x: x * x * x, lambda x: 3 * x * x),
    "exp": (lambda x: np.exp(9 * x), lambda x: 9 * np.exp(9 * x)),
    "sine": (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x)),
    "constant": (lambda x: 0 * x, lambda x: 0 * x),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_curve_is_no_kink(name):
    x = draw((3, 4))
    x[1, 2] = 0.0
    function, slope = SMOOTH[name]
    assert checked(Function(function, slope), x)[1] == 0
    if name != "constant":
        wrong, kinks = checked(Function(function, lambda x: slope(x) * 1.00001), x)
        assert kinks == 0 and wrong.error > 9e-6


def test_nothing_but_kinks_proves_nothing():
    check, kinks = checked(Relu(), np.zeros((2, 2)))
    assert kinks == 0 and check.error == np.inf


def test_a_direction_over_a_kink_is_left_out():
    class Model:
        def forward(self, params, images, key=None):
            y = np.abs(images)
            return y, images

        def backward(self, dlogits, cache):
            return dlogits * np.sign(cache), {}

    def found(images):
        point = Directions(Model(), CrossEntropy(), {}, images, np.array([0, 1]))
        before = images.copy()
        (check,), kinks = check_with_kinks(point)
        assert np.array_equal(images, before)
        return check.error, [kink.left_out for kink in kinks]

    images = draw((2, 3))
    assert found(images) == (pytest.approx(0, abs=1e-9), [])
    images[0, 0] = 0.0  # every direction leads over it
    error, left_out = found(images)
    assert left_out == [False] * 3 and error == np.inf


def test_the_table_says_so(capsys, monkeypatch):
    from minivit import gradcheck_cases
    from minivit.commands.gradcheck_table import print_rows

    x = draw((3, 4))
    x[1, 2] = 0.0
    monkeypatch.setattr(gradcheck_cases, "layer_case", lambda *_: (Relu(), x, {}))
    print_rows(gradcheck_cases.check("Relu"))
    assert "an element at a kink is left out: no derivative" in capsys.readouterr().out
