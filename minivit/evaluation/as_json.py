"""An Evaluation as plain values that JSON can hold, without rounding."""

import math

from . import metrics

MISTAKES = 100  # the most confident ones


def as_json(evaluation, part):
    """All of an Evaluation on a `Part` of a data set -> dict.

    The confusion matrix has a row for each class of the images, a column for each predicted one.
    What is 0 / 0, such as the precision of a class that is never predicted, is null.
    """
    values = {
        "dataset": part.dataset,
        "split": part.name,
        "images": evaluation.count,
        "notes": list(part.notes),
        **evaluation.values,
    }
    details = evaluation.details
    if details is None:
        return values
    values |= {
        "accuracy_standard_error": details.standard_error,
        "top5_accuracy": details.top5,
        "mean_confidence": details.mean_confidence,
        "expected_calibration_error": details.calibration.error,
        "calibration": _calibration(details.calibration),
        "classes": _classes(details.matrix, details.class_scores, part.classes),
        "macro_average": _macro_average(details),
        "confusion_matrix": details.matrix.tolist(),
        "most_confident_mistakes": [_mistake(details, part, i) for i in details.mistakes(MISTAKES)],
    }
    if evaluation.flipped:
        values["with_test_time_flip"] = _flipped(evaluation.flipped)
    return values


def _flipped(details):
    """What is reported of test-time flip, apart from the rest."""
    return {
        "accuracy": details.accuracy,
        "accuracy_standard_error": details.standard_error,
        "top5_accuracy": details.top5,
        "loss": details.loss,
        "expected_calibration_error": details.calibration.error,
    }


def _calibration(calibration):
    return [
        {
            "from": float(calibration.edges[i]),
            "to": float(calibration.edges[i + 1]),
            "images": int(count),
            "confidence": _number(calibration.confidence[i]),
            "accuracy": _number(calibration.accuracy[i]),
        }
        for i, count in enumerate(calibration.images)
    ]


def _classes(matrix, scores, names):
    return [
        {
            "name": name,
            "images": int(images),
            "precision": _number(scores.precision[k]),
            "recall": _number(scores.recall[k]),
            "f1": _number(scores.f1[k]),
        }
        for k, (name, images) in enumerate(zip(names, matrix.sum(axis=1), strict=True))
    ]


def _macro_average(details):
    names = details.class_scores._fields
    values = metrics.macro_average(details.class_scores, details.matrix)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _mistake(details, part, i):
    label, prediction = int(details.labels[i]), int(details.predictions[i])
    return {
        "index": int(part.indices[i]),
        **({"file": part.files[i]} if part.files else {}),
        "class": part.classes[label],
        "predicted": part.classes[prediction],
        "confidence": float(details.confidences[i]),
    }


def _number(value):
    """A float, or None for NaN, which JSON cannot hold."""
    return None if math.isnan(value) else float(value)
