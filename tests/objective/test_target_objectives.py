"""Objectives of numbers and labels: gradients, metrics by their definitions, fields from files."""

import math

import numpy as np
import pytest

from minivit.errors import ConfigError, DataError
from minivit.objective import (
    OBJECTIVES,
    BoundedRegression,
    Metric,
    MultiLabel,
    Regression,
    plain_fields,
    remade,
)
from minivit.objective.metric import TARGETS, rounded

RNG = np.random.default_rng(0)
TRAINING = RNG.uniform(2, [10, 300], (50, 2)).astype(np.float32)
NUMBERS = RNG.uniform(2, [10, 300], (6, 2)).astype(np.float32)
LABELS = (RNG.random((50, 2)) < [0.2, 0.9]).astype(np.float32)
OUTPUT = RNG.standard_normal((6, 2))
CASES = {
    "regression": (Regression.for_targets(("x", "y"), TRAINING), NUMBERS),
    "bounded": (BoundedRegression.for_targets(("x", "y"), TRAINING), NUMBERS),
    "labels": (MultiLabel.for_targets(("x", "y"), LABELS), LABELS[:6]),
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_train_gives_the_gradient_of_the_mean_loss(xp, case):
    objective, targets = CASES[case]
    targets = xp.asarray(targets)
    doutput, _ = objective.train(xp.asarray(OUTPUT), targets, 1.0)

    def loss(at, step):
        moved = OUTPUT.copy()
        moved[at] += step
        sums = objective.evaluate(xp.asarray(moved), targets)
        return objective.values(floats(objective, sums), len(moved))["loss"]

    for at in np.ndindex(OUTPUT.shape):
        want = (loss(at, 1e-5) - loss(at, -1e-5)) / 2e-5
        assert float(doutput[at]) == pytest.approx(want, rel=1e-6, abs=1e-9)


def floats(objective, sums):
    """Sums as the evaluator has them."""
    assert sums.keys() == objective.sums.keys()
    return {name: kind(sums[name]) for name, kind in objective.sums.items()}


@pytest.mark.parametrize("case", ["regression", "bounded"])
def test_errors_are_in_the_units_of_the_targets(case):
    objective, targets = CASES[case]
    values = objective.values(floats(objective, objective.evaluate(OUTPUT, targets)), 6)
    off = objective.predict(OUTPUT) - targets
    for k, name in enumerate("xy"):
        assert values[f"rmse_{name}"] == pytest.approx(math.sqrt((off[:, k] ** 2).mean()))
        mean_off = TRAINING[:, k].mean(dtype=float) - targets[:, k]
        baseline = values[f"baseline_rmse_{name}"]
        assert baseline == pytest.approx(math.sqrt((mean_off**2).mean()), rel=1e-5)
        assert f"{name}: rmse {rounded(values[f'rmse_{name}'])}" in objective.remark(values)
    assert [metric.name for metric in objective.metrics] == list(values)
    assert objective.deciding == "loss"  # pixels and years cannot be added


def test_scaled_targets_have_variance_1_and_predictions_go_back():
    objective = CASES["regression"][0]
    scaled = objective.scaled(TRAINING.astype(np.float64))
    np.testing.assert_allclose(
        (scaled.mean(axis=0), scaled.std(axis=0)), [[0, 0], [1, 1]], atol=1e-9
    )
    np.testing.assert_allclose(objective.predict(scaled), TRAINING, rtol=1e-6)
    zeros = objective.evaluate(np.zeros_like(scaled), TRAINING)
    values = objective.values(zeros, 50)
    assert values["loss"] == pytest.approx(1, rel=1e-6)
    assert values["rmse_x"] == pytest.approx(values["baseline_rmse_x"])
    assert objective.remark(values).count("the model is no better than that") == 2


def test_cross_entropy_is_on_target_over_100():
    scores = np.arange(1, 101, dtype=np.float32)[:, None]
    objective = BoundedRegression.for_targets(("score",), scores)
    assert (objective.low, objective.high) == ((0,), (100,))
    np.testing.assert_allclose(objective.scaled(scores), scores / 100)
    found = objective.predict(np.array([[-50.0], [0.0], [50.0]]))
    np.testing.assert_allclose(found, [[0], [50], [100]], atol=1e-9)
    assert objective.deciding == "rmse" and objective.outputs == 1
    below = BoundedRegression.for_targets(("t",), np.array([[-3.0], [5.0]], np.float32))
    assert (below.low, below.high) == ((-3,), (5,))


def test_labels_are_judged_beside_the_usual_answers():
    objective, targets = CASES["labels"]
    values = objective.values(floats(objective, objective.evaluate(OUTPUT, targets)), 6)
    assert values["accuracy"] == ((OUTPUT > 0) == (targets == 1)).mean()
    usual = LABELS.mean(axis=0) > 0.5
    assert values["baseline_accuracy"] == (usual == (targets == 1)).mean()
    np.testing.assert_allclose(objective.predict(OUTPUT), 1 / (1 + np.exp(-OUTPUT)))
    with pytest.raises(DataError, match=r"y has the target 0\.5; labels are 0 .no. or 1 .yes."):
        MultiLabel.for_targets(("x", "y"), np.array([[0, 1], [1, 0.5]], np.float32))


@pytest.mark.parametrize("kind", [Regression, BoundedRegression])
def test_a_constant_target_is_refused(kind):
    with pytest.raises(DataError, match="y is 3 for all training images: there is nothing to lea"):
        kind.for_targets(("x", "y"), np.array([[1, 3], [2, 3]], np.float32))


@every_case
def test_the_fields_make_it_again(case):
    objective, _ = CASES[case]
    again = remade(objective.name, None, None, plain_fields(objective))
    assert again == objective and OBJECTIVES[objective.name] is type(objective)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"targets": []}, "must have 1 to 1000 names of targets"),
        ({"targets": ["x"] * 2}, "must have different names"),
        ({"targets": ["x", 1]}, "must have 1 to 1000 names"),
        ({"targets": "xy"}, "must have 1 to 1000 names"),
        ({"targets": list("x") * 1001}, "must have 1 to 1000 names"),
        ({"mean": [1.0]}, "mean of the objective regression must be a finite number for each of 2"),
        ({"mean": [1.0, math.inf]}, "mean of the objective"),
        ({"mean": [1.0, 1e39]}, "mean of the objective"),
        ({"mean": [1.0, 10**400]}, "mean of the objective"),
        ({"mean": [1.0, True]}, "mean of the objective"),
        ({"std": [1.0, "a"]}, "std of the objective"),
        ({"std": [1.0, 0.0]}, "the scale of a target of the objective regression must be above 0"),
        ({"std": [1.0, 1e-60]}, "the scale of a target"),
    ],
)
def test_fields_of_a_file_that_anybody_wrote(fields, sentence):
    good = {"targets": ["x", "y"], "mean": [1.0, 2.0], "std": [1.0, 2.0]}
    assert remade("regression", None, None, good).targets == ("x", "y")
    with pytest.raises(ConfigError, match=sentence):
        remade("regression", None, None, {**good, **fields})


def test_numbers_are_shown_with_four_digits_that_count():
    shown = {20.586: "20.59", 0.0043214: "0.004321", 152347.0: "152,300", 0.0: "0.000"}
    shown |= {99.96: "99.96", -1234.5: "-1,234", 3e-20: "3.000e-20"}
    for value, text in shown.items():
        assert rounded(value) == text
    assert Metric("rmse", TARGETS, False).text(20.586) == "rmse 20.59"
