"""Objectives: what a run optimises, and how the result is judged.

The trainer, the run and what they record know nothing of labels or accuracy; they ask an objective.
`protocol.py` says what an objective is. To add one, write a class like those here.

protocol.py         what an objective is
metric.py           a number that is reported
classification.py   one class of several
regression.py       numbers, without bounds or within a range; numbers.py: what both have
labels.py           several labels, each yes or no
fields.py           what the last two are made from: the names of the targets, and numbers
"""

import dataclasses

from .classification import Classification, correct, softmax
from .labels import MultiLabel
from .metric import Metric
from .regression import BoundedRegression, Regression

__all__ = [
    "OBJECTIVES",
    "Classification",
    "Metric",
    "MultiLabel",
    "Regression",
    "correct",
    "deciding_metric",
    "plain_fields",
    "remade",
    "softmax",
    "targets_for",
]

# By the name that a checkpoint holds. A checkpoint without one is of a classification.
OBJECTIVES = {
    kind.name: kind for kind in (Classification, Regression, BoundedRegression, MultiLabel)
}


def deciding_metric(objective):
    """The `Metric` of an objective that decides which epoch is the best."""
    return next(metric for metric in objective.metrics if metric.name == objective.deciding)


def targets_for(objective, images, targets):
    """The targets of images uint8 (B, H, W, C): those of the data, or made of the images."""
    return objective.targets_in(images) if hasattr(objective, "targets_in") else targets


def plain_fields(objective):
    """The fields that the objective's constructor takes, for JSON."""
    fields = (field.name for field in dataclasses.fields(objective) if field.init)
    values = {name: getattr(objective, name) for name in fields}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}


def remade(name, config, recipe, fields=None):
    """The objective of a saved run, from what its checkpoint holds; None for an unknown name.

    fields: those of an objective that depends on the targets. Raises ConfigError or TypeError for
    fields that it cannot have.
    """
    if name not in OBJECTIVES:
        return None
    kind = OBJECTIVES[name]
    return kind(**(fields or {})) if hasattr(kind, "for_targets") else kind.of(config, recipe)
