"""Kinks: points at which a function has no derivative, found by finite differences.

At a kink (ReLU at 0, max-pool at a tie) the slope jumps. A central difference over it is a mean of
the slopes on both sides, and a backward can only return one of them. So a right gradient seems
wrong there by up to half of the jump, and a wrong one may seem right.

    bend(h) = (L(x + h) - 2 L(x) + L(x - h)) / h        the slope on the right minus the left one

Where L is smooth, bend(h) = h L'', proportional to h. With a kink in the way it is not: a kink at x
itself gives the jump for every h; one at a distance d gives nothing until h reaches d. So bend(h)/h
is compared for three steps. Several kinks side by side can look like a curve: this is for small
models.
"""

import numpy as np

EXPLAINED = 0.51  # of |bend|: the largest error that a kink makes, and some rounding
ERROR, BEND = 3e-8, 1e-4  # relative to the largest derivative: below these, nothing is examined
SPREAD = 0.2  # of bend(h)/h among the steps; curvature alone stays far below
STEPS = (1.0, 0.5, 2.0)  # of h


def at_kinks(analytic, ups, middle, downs, difference, step):
    """Which elements have a kink within `step` that explains their error -> array of bool.

    analytic: derivatives, one an element; ups, downs: L with the element moved by `step`; middle: L
    at the point itself; difference(index, step): L on both sides for another step.
    """
    numeric, bends = (ups - downs) / (2 * step), (ups - 2 * middle + downs) / step

    def curvature(index, step):
        up, down = difference(index, step)
        return (up - 2 * middle + down) / step**2

    kinks = np.zeros(numeric.shape, bool)
    scale, error = np.abs(numeric).max(initial=0.0), np.abs(analytic - numeric)
    noise = 400 * np.finfo(float).eps * abs(middle) / step
    suspect = (error > ERROR * scale) | (np.abs(bends) > BEND * scale)
    suspect &= (error <= EXPLAINED * np.abs(bends) + ERROR * scale) & (np.abs(bends) > noise)
    for index in map(tuple, np.argwhere(suspect)):
        curvatures = np.array([curvature(index, step * times) for times in STEPS])
        kinks[index] = np.ptp(curvatures) > SPREAD * np.abs(curvatures).max()
    return kinks
