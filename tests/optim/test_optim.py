"""Update rules, schedule and clipping against their formulas, one number at a time."""

import itertools
import math

import numpy as np
import pytest
from cases import draw

from minivit.arrays.backend import array_module, to_device, to_host
from minivit.optim import SGD, AdamW, Muon, clip_scale, sum_of_squares, warmup_cosine
from minivit.optim.muon import orthogonal

LR, DECAY = 0.01, 0.3


def adamw(weight, gradients, beta1=0.9, beta2=0.999, eps=1e-8):
    """One number through all of its gradients: Loshchilov & Hutter 2019, algorithm 2."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        corrected_m, corrected_v = m / (1 - beta1**t), v / (1 - beta2**t)
        weight -= LR * (corrected_m / (math.sqrt(corrected_v) + eps) + DECAY * weight)
    return weight


def sgd(weight, gradients, momentum=0.9):
    """One number through all of its gradients."""
    m = 0.0
    for g in gradients:
        m = momentum * m + g
        weight -= LR * (m + DECAY * weight)
    return weight


def steps(rule, vector, gradients, slices=(slice(None),)):
    """(vector, state) after a step for every gradient, taken slice by slice."""
    state = rule.init(vector)
    for number, gradient in enumerate(gradients, 1):
        for part in slices:
            state_part = {name: value[part] for name, value in state.items()}
            rule.update(vector[part], gradient[part], state_part, LR, number, DECAY)
    return vector, state


@pytest.mark.parametrize(("rule", "plain"), [(AdamW(), adamw), (SGD(), sgd)])
@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_every_number_follows_the_formula(xp, syncs, rule, plain, dtype, close):
    start = draw((11,), seed=1, dtype=dtype)
    gradients = draw((7, 11), seed=2, dtype=dtype) * 3
    syncs.clear()
    vector, state = steps(rule, to_device(start.copy(), xp), to_device(gradients, xp))
    assert not syncs
    assert vector.dtype == dtype and all(value.dtype == dtype for value in state.values())
    expected = [plain(float(w), gradients[:, i].astype(float)) for i, w in enumerate(start)]
    np.testing.assert_allclose(to_host(vector), expected, rtol=close, atol=close)


@pytest.mark.parametrize("rule", [AdamW(), SGD()])
def test_slices_equal_the_whole(xp, rule):
    gradients = draw((3, 20), xp, seed=2, dtype=np.float32)
    slices = (slice(0, 7), slice(7, 8), slice(8, 20))
    whole, _ = steps(rule, draw((20,), xp, dtype=np.float32), gradients)
    cut, _ = steps(rule, draw((20,), xp, dtype=np.float32), gradients, slices)
    assert to_host(whole).tobytes() == to_host(cut).tobytes()


@pytest.mark.parametrize("rule", [AdamW(), SGD()])
def test_decay_is_decoupled_from_the_gradient(rule):
    """Without a gradient every weight shrinks by the same factor."""
    vector = np.array([1.0, -200.0])
    rule.update(vector, np.zeros(2), rule.init(vector), lr=0.1, step=1, decay=0.5)
    np.testing.assert_allclose(vector, [0.95, -190.0], rtol=1e-15)


def test_adamws_first_step_is_the_learning_rate_whatever_the_gradient():
    vector, gradient = np.zeros(3), np.array([1e-3, -5.0, 1e5])
    AdamW().update(vector, gradient, AdamW().init(vector), lr=0.01, step=1, decay=0.0)
    np.testing.assert_allclose(vector, [-0.01, 0.01, -0.01], rtol=1e-4)


def test_gradients_are_not_changed(xp):
    for rule in (AdamW(), SGD()):
        gradient = draw((5,), xp)
        before = to_host(gradient).tobytes()
        vector = draw((5,), xp, seed=3)
        rule.update(vector, gradient, rule.init(vector), LR, 1, DECAY)
        assert to_host(gradient).tobytes() == before


def test_schedule_rises_linearly_and_falls_by_a_cosine():
    rates = [warmup_cosine(step, 100, 10, 2.0) for step in range(1, 101)]
    np.testing.assert_allclose(rates[:10], 2.0 * np.arange(1, 11) / 10, rtol=1e-12)
    assert rates[54] == pytest.approx(1.0)  # half way down: (55 - 10) / 90
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[9:]))


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (2, 0), (5, 5), (7, 1)])
def test_schedule_of_short_runs_stays_within_its_bounds(steps, warmup):
    rates = [warmup_cosine(step, steps, warmup, 0.5) for step in range(1, steps + 1)]
    assert all(0 <= rate <= 0.5 for rate in rates)
    assert warmup == 0 or rates[warmup - 1] == 0.5


def norm_of(gradient):
    return array_module(gradient).sqrt(sum_of_squares(gradient))


def test_sum_of_squares_is_exact_where_float32_overflows(xp, syncs):
    host = np.array([1e20, -3e19, 2.0, 1e38], np.float32)
    gradient = to_device(host, xp)
    syncs.clear()
    total = sum_of_squares(gradient)
    assert not syncs and total.dtype == np.float64
    assert float(total) == pytest.approx(sum(float(g) ** 2 for g in host), rel=1e-12)
    assert to_host(gradient).tobytes() == host.tobytes()


@pytest.mark.parametrize("size", [1e-3, 5.0, 1e20])
def test_clipping_keeps_direction_and_bounds_length(xp, size):
    host = draw((40,), seed=5, dtype=np.float32) * np.float32(size)
    gradient = to_device(host, xp)
    clipped = to_host(gradient * clip_scale(norm_of(gradient), 1.0).astype(np.float32))
    length = math.sqrt(sum(float(g) ** 2 for g in host))
    np.testing.assert_allclose(clipped, host * min(1.0, 1.0 / length), rtol=1e-5)


def test_a_gradient_of_zeros_is_not_changed(xp):
    assert float(clip_scale(norm_of(to_device(np.zeros(4, np.float32), xp)), 1.0)) == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_shows_in_its_norm(xp, bad):
    host = np.array([1.0, bad, 2.0], np.float32)
    norm = norm_of(to_device(host, xp))
    assert not bool(array_module(norm).isfinite(norm))


@pytest.mark.parametrize("shape", [(6, 6), (5, 12), (12, 5)])
def test_orthogonal_keeps_singular_vectors_and_makes_singular_values_equal(xp, shape):
    """It turns u s v^T into u s' v^T with every s' near 1."""
    matrix = draw(shape, seed=7)
    u, sizes, vt = np.linalg.svd(matrix, full_matrices=False)
    assert sizes.max() / sizes.min() > 1.5
    levelled = u.T @ to_host(orthogonal(to_device(matrix, xp))) @ vt.T
    np.testing.assert_allclose(levelled, np.diag(np.diag(levelled)), atol=1e-6)
    assert np.diag(levelled).min() > 0.6 and np.diag(levelled).max() < 1.3


def test_muon_steps_by_its_formula(xp, syncs):
    start, gradients = draw((4, 9), seed=1), draw((3, 4, 9), seed=2)
    vector, rule = to_device(start.copy(), xp), Muon()
    state = {"m": xp.zeros_like(vector)}
    on_device = to_device(gradients, xp)
    syncs.clear()
    for number in range(3):
        rule.update(vector, on_device[number], state, LR, number + 1, DECAY)
    assert not syncs
    weight, m = start.copy(), np.zeros((4, 9))
    for g in gradients:
        m = 0.95 * m + g
        direction = orthogonal(g + 0.95 * m)
        weight = weight - LR * (DECAY * weight + 0.2 * math.sqrt(9) * direction)
    np.testing.assert_allclose(to_host(vector), weight, rtol=1e-10)
