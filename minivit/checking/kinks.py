"""Check a layer that may have kinks, and say where: points where the slope jumps, as ReLU's at 0.

`gradcheck_compare.py` says how a kink is found. Here each becomes a `Kink` with the slopes on both
sides of it:

    right = (L(x + h) - L(x)) / h        left = (L(x) - L(x - h)) / h
"""

from typing import NamedTuple

import numpy as np

from ..arrays.backend import to_host
from ..gradcheck import STEP, both_sides, compare
from ..gradcheck_compare import at_kinks


class Kink(NamedTuple):
    """An element that is too near a kink, and the slopes on both sides of it."""

    leaf: str
    index: tuple
    left: float
    right: float
    left_out: bool = True


def check_with_kinks(probe, done=lambda: None):
    """Check every element of every leaf but for those at kinks -> ([Check], [Kink]).

    If more than half of a leaf is at kinks, none is left out. `done` is called after each leaf.
    """
    checks, kinks = [], []
    for name, value in probe.values.items():
        check, found = _check_leaf(name, probe, value, to_host(probe.gradients[name]))
        checks.append(check)
        kinks += found
        done()
    return checks, kinks


def _check_leaf(name, probe, value, gradient):
    """One leaf: `gradcheck.check_leaf`, without the elements at kinks."""
    here, losses = probe.loss(), np.empty((*value.shape, 2))

    def sides(index, step):
        return both_sides(probe.loss, value, index, step)

    for index in np.ndindex(value.shape):
        losses[index] = sides(index, STEP)
    analytic = np.array(gradient, dtype=float)
    numeric = (losses[..., 0] - losses[..., 1]) / (2 * STEP)
    at = at_kinks(analytic, losses, here, sides, STEP)
    too_many = at.sum() > max(1, value.size // 2)
    kinks = []
    for index in map(tuple, np.argwhere(at)):
        up, down = losses[index]
        left, right = float(here - down) / STEP, float(up - here) / STEP
        kinks.append(Kink(name, tuple(map(int, index)), left, right, not too_many))
    return compare(name, analytic, numeric, None if too_many else at), kinks
