"""Compare derivatives with finite differences, and find the points where there is no derivative.

At a kink (ReLU at 0, max-pool at a tie) the slope jumps. A central difference over it is a mean of
the slopes on both sides, and a backward can only return one of them. So a right gradient seems
wrong there by up to half of the jump, and a wrong one may seem right.

    bend(h) = (L(x + h) - 2 L(x) + L(x - h)) / h        the slope on the right minus the left one

Where L is smooth, bend(h) = h L'', proportional to h. With a kink in the way it is not: a kink at x
itself gives the jump for every h; one at a distance d gives nothing until h reaches d. So bend(h)/h
is compared for three steps. Several kinks side by side can look like a curve: this is for small
models.
"""

import math
from dataclasses import dataclass

import numpy as np

EXPLAINED = 0.51  # of |bend|: the largest error that a kink makes, and some rounding
ERROR, BEND = 3e-8, 1e-4  # relative to the largest derivative: below these, nothing is examined
SPREAD = 0.2  # of bend(h)/h among the steps; curvature alone stays far below
STEPS = (1.0, 0.5, 2.0)  # of h


@dataclass(frozen=True)
class Check:
    """The relative error of one leaf; the index where it is largest, and the two values there.

    kinks: how many elements (or directions) have no derivative and are left out. The error is
    infinite if nothing else is left.
    """

    leaf: str
    error: float
    index: tuple
    analytic: float
    numeric: float
    kinks: int = 0


def compare(name, analytic, numeric, kinks=None):
    """Compare two arrays of derivatives -> `Check`. The error of NaN is infinite.

    kinks: the elements to leave out, an array of bool. If all of `numeric` is 0, the error is the
    difference itself, not relative.
    """
    if analytic.shape != numeric.shape:
        raise AssertionError(f"gradient {name}: shape {analytic.shape}, value {numeric.shape}")
    kinks = np.zeros(numeric.shape, bool) if kinks is None else kinks
    difference = np.where(kinks, -1.0, np.abs(analytic - numeric))
    index = np.unravel_index(int(np.argmax(difference)), difference.shape)
    scale = float(np.max(np.abs(numeric), where=~kinks, initial=0.0))
    error = float(difference[index]) / scale if scale else float(difference[index])
    if not math.isfinite(error) or kinks.all():
        error = math.inf
    values = float(analytic[index]), float(numeric[index])
    return Check(name, error, tuple(map(int, index)), *values, int(kinks.sum()))


def at_kinks(analytic, losses, here, sides, step):
    """Which elements have a kink within `step` that explains their error -> array of bool.

    analytic: derivatives, one an element; losses: (..., 2), L with the element moved up and down by
    `step`; here: L at the point itself; sides(index, step): L on both sides for another step.
    """
    ups, downs = losses[..., 0], losses[..., 1]
    numeric, bends = (ups - downs) / (2 * step), (ups - 2 * here + downs) / step

    def curvature(index, step):
        up, down = sides(index, step)
        return (up - 2 * here + down) / step**2

    kinks = np.zeros(numeric.shape, bool)
    scale, error = np.abs(numeric).max(initial=0.0), np.abs(analytic - numeric)
    noise = 400 * np.finfo(float).eps * abs(here) / step
    suspect = (error > ERROR * scale) | (np.abs(bends) > BEND * scale)
    suspect &= (error <= EXPLAINED * np.abs(bends) + ERROR * scale) & (np.abs(bends) > noise)
    for index in map(tuple, np.argwhere(suspect)):
        curvatures = np.array([curvature(index, step * times) for times in STEPS])
        kinks[index] = np.ptp(curvatures) > SPREAD * np.abs(curvatures).max()
    return kinks
