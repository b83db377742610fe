"""Check a layer that may have kinks: points where the slope jumps, as that of ReLU at 0.

At a kink the slopes on the left and on the right differ, and a central difference is their mean. A
backward can only return one of them, or a number between: a right gradient looks wrong there by up
to half of the jump, or a wrong one right. So both one-sided slopes are compared:

    right = (L(x + h) - L(x)) / h        left = (L(x) - L(x - h)) / h        bend(h) = right - left

For a smooth function bend(h) = h * L'', proportional to h. With a kink in the way it is not: one at
x itself gives the jump for every h; one at a distance d gives nothing until h reaches d. So
bend(h) / h is compared for three steps. Several kinks side by side can look like a curve.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays.backend import to_host
from ..gradcheck import STEP, both_sides, compare

EXPLAINED = 0.51  # of |bend|: the largest error that a kink makes, and some rounding
ERROR, BEND = 3e-8, 1e-4  # relative to the leaf's largest slope: below these, nothing is examined
SPREAD = 0.2  # of bend(h) / h among the steps; curvature alone stays far below
STEPS = (1.0, 0.5, 2.0)  # of h


class Kink(NamedTuple):
    """An element that is too near a kink, and the slopes on both sides of it."""

    leaf: str
    index: tuple
    left: float
    right: float
    left_out: bool = True


def check_with_kinks(point, done=lambda: None):
    """Check every element of every leaf but for those at kinks -> ([Check], [Kink]).

    point: a `Point`, or `Directions`. If more than half of a leaf is at kinks, none is left
    out, and the error is infinite. `done` is called after each leaf.
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
    here, losses = point.loss(), np.empty((*value.shape, 2))
    for index in np.ndindex(value.shape):
        losses[index] = both_sides(point.loss, value, index, STEP)
    numeric = (losses[..., 0] - losses[..., 1]) / (2 * STEP)
    analytic, kinks = np.array(gradient, dtype=float), []
    for index in map(tuple, np.argwhere(_suspects(analytic, numeric, losses, here))):
        if _is_kink(point.loss, value, index, here):
            up, down = losses[index]
            slopes = float(here - down) / STEP, float(up - here) / STEP
            kinks.append(Kink(name, tuple(map(int, index)), *slopes))
    if len(kinks) > max(1, value.size // 2):
        kinks = [kink._replace(left_out=False) for kink in kinks]
        return replace(compare(name, analytic, numeric), error=math.inf), kinks
    for kink in kinks:
        analytic[kink.index] = numeric[kink.index]  # it counts as right
    return compare(name, analytic, numeric), kinks


def _suspects(analytic, numeric, losses, here):
    """Elements that are wrong or bent, by no more than a kink would explain -> array of bool."""
    bends = (losses[..., 0] - 2 * here + losses[..., 1]) / STEP
    scale, error = np.abs(numeric).max(initial=0.0), np.abs(analytic - numeric)
    rounding = 400 * np.finfo(float).eps * abs(here) / STEP
    suspects = (error > ERROR * scale) | (np.abs(bends) > BEND * scale)
    explained = error <= EXPLAINED * np.abs(bends) + ERROR * scale
    return suspects & explained & (np.abs(bends) > rounding)


def _is_kink(loss, value, index, here):
    """Whether bend(h) / h depends on the step h."""
    curvatures = []
    for step in (STEP * times for times in STEPS):
        up, down = both_sides(loss, value, index, step)
        curvatures.append((up - 2 * here + down) / step**2)
    return np.ptp(curvatures) > SPREAD * np.abs(curvatures).max()
