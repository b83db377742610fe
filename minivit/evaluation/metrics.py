"""Metrics of a classifier, in plain NumPy: how often it is right, for which classes, how surely.

n is the number of images, C that of classes. Labels and predictions are integers (n,) in 0..C-1.
"""

from typing import NamedTuple

import numpy as np

BINS = 15  # of the calibration; the number that Guo et al. use


def standard_error(share, count):
    """The standard error of a share p that was found with n images: sqrt(p (1 - p) / n).

    If other n images came from the same source, their share would lie within one standard error
    of the true one in about 68% of the cases, and within two in 95%.
    """
    return float(np.sqrt(share * (1 - share) / count))


def top_share(scores, labels, k):
    """The share of images whose label is among the k classes with the highest of scores (n, C).

    Of equal scores the first class counts as the highest, as in `argmax`: with k = 1 this is the
    accuracy.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    rank = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return float((rank < k).mean())


def confusion_matrix(labels, predictions, classes):
    """How many images of class i were taken for class j -> (C, C) int64, rows i, columns j."""
    cells = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes)


class ClassScores(NamedTuple):
    """For each class, (C,) float64; NaN where there is nothing to divide by."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def class_scores(matrix):
    """Precision, recall and F1 of every class, from a confusion matrix (C, C).

        precision = right / predicted     of the images that were taken for the class
        recall    = right / images        of the images that are of the class
        F1        = 2 right / (predicted + images)        the harmonic mean of the two

    Precision is NaN for a class that is never predicted, recall for one without images, and F1 for
    one with neither.
    """
    right, predicted, images = matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return ClassScores(right / predicted, right / images, 2 * right / (predicted + images))


def macro_average(scores, matrix):
    """Precision, recall and F1 as means over the classes that have images -> (3,) float64.

    Every class counts the same, however many images it has. A precision that is NaN counts as 0.
    """
    present = matrix.sum(axis=1) > 0
    return np.array([np.nan_to_num(values[present]).mean() for values in scores])


class Calibration(NamedTuple):
    """Bins of images by confidence: how many are in each, how sure the model is, how often right.

    edges: (bins + 1,); images: (bins,) int64; confidence, accuracy: (bins,) means, NaN in an empty
    bin; error: the expected calibration error.
    """

    edges: np.ndarray
    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def calibration(confidences, right, bins=BINS):
    """Is a model that says 80% right in 80% of the cases? -> a Calibration.

    confidences (n,): the probability of the predicted class; right (n,): whether it was right.
    Bin m of M holds the confidences in ((m - 1) / M, m / M].

        ECE = sum over bins of (images in the bin / n) * |accuracy - mean confidence|

    Source: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    confidences = np.asarray(confidences, np.float64)
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
    images = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):  # an empty bin: 0 / 0
        confidence = np.bincount(places, confidences, bins) / images
        accuracy = np.bincount(places, right, bins) / images
    gaps = np.nan_to_num(np.abs(accuracy - confidence))
    error = float((images * gaps).sum() / len(confidences))
    return Calibration(edges, images, confidence, accuracy, error)


def confident_mistakes(confidences, right, count):
    """The `count` wrong images with the highest confidence, most confident first -> indices."""
    wrong = np.flatnonzero(~np.asarray(right))
    return wrong[np.argsort(-confidences[wrong], kind="stable")][:count]


def confusions(matrix, count):
    """The most frequent mistakes -> [(label, prediction, images), ...], at most `count`."""
    mistakes = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
    pairs = np.transpose(np.unravel_index(order, matrix.shape)).tolist()
    return [(i, j, int(matrix[i, j])) for i, j in pairs if mistakes[i, j]]
