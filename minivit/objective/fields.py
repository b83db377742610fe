"""The fields of objectives that depend on the targets: names, and a number for each."""

import numpy as np

from ..errors import ConfigError, DataError

MOST = 1000  # targets
LARGEST = float(np.finfo(np.float32).max)


def check_fields(objective):
    """Make the fields tuples. Raises ConfigError unless they are K names, and K numbers each.

    They may come from a file that anybody wrote.
    """
    names = objective.targets
    if not _list_of(names, len(names) if isinstance(names, (list, tuple)) else 0, _is_name):
        raise ConfigError(f"the objective {objective.name} must have 1 to {MOST} names of targets")
    if len(set(names)) < len(names):
        raise ConfigError(
            f"the targets of the objective {objective.name} must have different names"
        )
    for field, values in dict(vars(objective)).items():
        if field != "targets" and not _list_of(values, len(names), _is_number):
            raise ConfigError(
                f"{field} of the objective {objective.name} must be a finite number for each of "
                f"{len(names)} targets"
            )
        object.__setattr__(objective, field, tuple(values))


def check_scale(name, scale):
    """Raise ConfigError unless all are above 0, also as float32."""
    if not all(np.float32(value) > 0 and value <= LARGEST for value in scale):
        raise ConfigError(f"the scale of a target of the objective {name} must be above 0")


def _list_of(values, count, fine):
    right = isinstance(values, (list, tuple)) and len(values) == count
    return right and 0 < count <= MOST and all(map(fine, values))


def _is_name(value):
    return type(value) is str


def _is_number(value):
    return type(value) in (int, float) and abs(value) <= LARGEST  # False for nan


def refuse_constant(names, targets):
    """Raise DataError for a target that is the same for all images. targets (n, K)."""
    for k in np.flatnonzero((targets == targets[:1]).all(axis=0)):
        raise DataError(
            f"{names[k]} is {targets[0, k]:g} for all training images: there is nothing to learn."
        )
