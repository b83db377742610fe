"""Check a layer that may have kinks: points where the slope jumps, as that of ReLU at 0.

At a kink the slopes on the left and on the right differ, and a central difference is their mean: a
right gradient looks wrong there, or a wrong one right. So the one-sided slopes are compared:

    right = (L(x + h) - L(x)) / h        left = (L(x) - L(x - h)) / h

For a smooth function they differ by h * L'', which falls to a hundredth with h. At a kink the
difference stays as it is; if the kink is only near, at a distance below h, it vanishes.
"""

from typing import NamedTuple

import numpy as np

from ..arrays.backend import to_host
from ..gradcheck import STEP, both_sides, compare

JUMP = 1e-3  # of the leaf's largest slope: smaller differences of the two slopes are no kink
FINER = 100  # how much smaller the second step is


class Kink(NamedTuple):
    """An element that is too near a kink, and the slopes on both sides of it."""

    leaf: str
    index: tuple
    left: float
    right: float
    left_out: bool = True


def check_with_kinks(point, done=lambda: None):
    """Check every element of every leaf but for those at kinks -> ([Check], [Kink]).

    If more than half of a leaf is at kinks, none is left out. `done` is called after each leaf.
    """
    checks, kinks = [], []
    for name, value in point.values.items():
        check, found = _check_leaf(name, point, value, to_host(point.gradients[name]))
        checks.append(check)
        kinks += found
        done()
    return checks, kinks


def _check_leaf(name, point, value, gradient):
    """One leaf: `gradcheck.check_leaf`, without the elements at kinks."""
    here, slopes = point.loss(), np.empty((*value.shape, 2))
    for index in np.ndindex(value.shape):
        slopes[index] = _slopes(point.loss, value, index, here, STEP)
    numeric = slopes.mean(axis=-1)
    scale = np.max(np.abs(numeric), initial=0.0)
    jumps = np.abs(slopes[..., 1] - slopes[..., 0]) > JUMP * scale
    kinks = []
    for index in map(tuple, np.argwhere(jumps)):
        left, right = slopes[index]
        finer = np.subtract(*_slopes(point.loss, value, index, here, STEP / FINER))
        if not 0.5 < FINER * finer / (left - right) < 2:
            kinks.append(Kink(name, tuple(map(int, index)), float(left), float(right)))
    analytic = np.array(gradient, dtype=float)
    if len(kinks) > max(1, value.size // 2):
        kinks = [kink._replace(left_out=False) for kink in kinks]
    for kink in kinks:
        if kink.left_out:
            analytic[kink.index] = numeric[kink.index]  # it counts as right
    return compare(name, analytic, numeric), kinks


def _slopes(loss, value, index, here, step):
    """The slopes of the loss along one element: on the left, and on the right."""
    up, down = both_sides(loss, value, index, step)
    return (here - down) / step, (up - here) / step
