"""The mathematics of judging a classifier, against cases worked out by hand and scikit-learn."""

import numpy as np
import pytest

from minivit.evaluation import metrics

# Six images of three classes; class 2 is never predicted.
LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTIONS = np.array([0, 0, 1, 1, 0, 0])
MATRIX = np.array([[2, 1, 0], [1, 1, 0], [1, 0, 0]])


def drawn(count=500, classes=7, seed=0):
    """Labels and predictions, right in about half of the cases."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    other = rng.integers(0, classes, count)
    return labels, np.where(rng.random(count) < 0.5, labels, other)


def test_the_standard_error_is_that_of_a_share():
    assert metrics.standard_error(0.8, 100) == pytest.approx(0.04)
    assert metrics.standard_error(1.0, 10) == metrics.standard_error(0.0, 10) == 0


def test_the_standard_error_is_how_far_other_samples_lie():
    shares = np.random.default_rng(0).binomial(400, 0.7, 20_000) / 400
    assert metrics.standard_error(0.7, 400) == pytest.approx(shares.std(), rel=0.02)


def test_among_the_k_highest():
    scores = np.array([[3, 2, 1, 0], [0, 1, 2, 3], [1, 0, 2, 3.0]])
    labels = np.array([0, 0, 0])
    shares = [metrics.top_share(scores, labels, k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 2 / 3, 1])


def test_of_equal_scores_the_first_counts_as_the_highest_like_in_argmax():
    scores = np.random.default_rng(0).integers(0, 3, (300, 6)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 6, 300)
    assert metrics.top_share(scores, labels, 1) == (scores.argmax(axis=1) == labels).mean()
    assert metrics.top_share(np.zeros((6, 6)), np.arange(6), 5) == pytest.approx(5 / 6)


def test_rows_of_the_confusion_matrix_are_the_labels():
    matrix = metrics.confusion_matrix(LABELS, PREDICTIONS, 3)
    assert matrix.tolist() == MATRIX.tolist() and matrix.dtype == np.int64
    assert metrics.confusion_matrix(LABELS, PREDICTIONS, 5).shape == (5, 5)


def test_precision_recall_and_f1():
    scores = metrics.class_scores(MATRIX)
    np.testing.assert_allclose(scores.precision, [2 / 4, 1 / 2, np.nan])
    np.testing.assert_allclose(scores.recall, [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(scores.f1, [4 / 7, 1 / 2, 0])
    means = metrics.macro_average(scores, MATRIX)
    np.testing.assert_allclose(means, [1 / 3, 7 / 18, (4 / 7 + 1 / 2) / 3])


def test_a_class_without_images_is_left_out_of_the_mean():
    matrix = np.pad(MATRIX, (0, 1))
    scores = metrics.class_scores(matrix)
    assert np.isnan([values[3] for values in scores]).all()
    want = metrics.macro_average(metrics.class_scores(MATRIX), MATRIX)
    np.testing.assert_allclose(metrics.macro_average(scores, matrix), want)


def test_the_most_frequent_confusions():
    matrix = np.array([[9, 2, 0], [5, 9, 0], [0, 1, 9]])
    assert metrics.confusions(matrix, 2) == [(1, 0, 5), (0, 1, 2)]
    assert metrics.confusions(matrix, 9) == [(1, 0, 5), (0, 1, 2), (2, 1, 1)]
    assert metrics.confusions(np.diag([1, 2]), 5) == []


def test_the_calibration_error_by_hand():
    """In two bins: 3 images at 0.3 with one right, 2 at 0.9 with both right."""
    confidences, right = [0.3, 0.3, 0.3, 0.9, 0.9], [True, False, False, True, True]
    found = metrics.calibration(np.array(confidences), np.array(right), bins=2)
    assert found.images.tolist() == [3, 2]
    np.testing.assert_allclose(found.confidence, [0.3, 0.9])
    np.testing.assert_allclose(found.accuracy, [1 / 3, 1])
    assert found.error == pytest.approx(3 / 5 * (1 / 3 - 0.3) + 2 / 5 * 0.1)


def test_bins_hold_their_upper_edge_and_empty_ones_do_not_count():
    confidences = np.array([0.25, 0.5, 0.75, 1.0, np.nextafter(0.5, 1), 1 + 1e-7])
    found = metrics.calibration(confidences, np.ones(6, bool), bins=4)
    assert found.images.tolist() == [1, 1, 2, 2]
    empty = metrics.calibration(np.array([0.9]), np.array([True]))
    assert len(empty.images) == 15 and empty.images.sum() == 1
    assert np.isnan(empty.accuracy[0]) and empty.error == pytest.approx(0.1)


def test_calibration_as_a_loop_finds_it():
    rng = np.random.default_rng(3)
    confidences = rng.random(1000).astype(np.float32)
    right = rng.random(1000) < confidences**2
    error = 0.0
    for low in range(15):
        inside = (confidences > low / 15) & (confidences <= (low + 1) / 15)
        if inside.any():
            gap = right[inside].mean() - confidences[inside].astype(float).mean()
            error += inside.mean() * abs(gap)
    assert metrics.calibration(confidences, right).error == pytest.approx(error, rel=1e-9)


def test_the_most_confident_mistakes_come_first():
    confidences = np.array([0.9, 0.5, 0.8, 0.8, 0.99])
    right = np.array([False, False, False, False, True])
    assert metrics.confident_mistakes(confidences, right, 3).tolist() == [0, 2, 3]
    assert metrics.confident_mistakes(confidences, np.ones(5, bool), 3).tolist() == []


def test_scikit_learn_agrees():
    sk = pytest.importorskip("sklearn.metrics", reason="the oracle is scikit-learn")
    labels, predictions = drawn()
    matrix = metrics.confusion_matrix(labels, predictions, 7)
    assert (matrix == sk.confusion_matrix(labels, predictions)).all()
    options = {"labels": range(7), "zero_division": 0}
    scores = metrics.class_scores(matrix)
    want = sk.precision_recall_fscore_support(labels, predictions, **options)
    for ours, theirs in zip(scores, want, strict=False):
        np.testing.assert_allclose(ours, theirs)
    want = sk.precision_recall_fscore_support(labels, predictions, average="macro", **options)
    np.testing.assert_allclose(metrics.macro_average(scores, matrix), want[:3])
    scores = np.random.default_rng(5).random((500, 7))
    want = sk.top_k_accuracy_score(labels, scores, k=5)
    assert metrics.top_share(scores, labels, 5) == pytest.approx(want)
