"""The loss against its formula, at extreme logits, and the targets that it refuses."""

import math

import numpy as np
import pytest
from cases import B, draw

from minivit import ConfigError, CrossEntropy, DataError
from minivit.arrays.backend import to_device, to_host


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
    np.testing.assert_allclose(to_host(loss.backward(1.0, cache)), want, atol=1e-7)


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


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_smoothing_is_from_0_up_to_1(smoothing):
    with pytest.raises(ConfigError, match="smoothing must be"):
        CrossEntropy(smoothing)


@pytest.mark.filterwarnings("ignore:overflow")
def test_an_impossible_class_that_is_no_target_costs_nothing(xp):
    logits = np.array([[3e38, -3e38, 0]], np.float32)  # its log-probability is minus infinity
    assert loss_of(logits, np.array([0]), xp) == 0
