"""An update rule as the subject of an exercise: see `subjects.py`."""

import numpy as np

from ..checking.guarded import GuardedRule
from ..gradcheck import Check
from ..gradcheck_cases import leaf_checks
from ..optim import AdamW

RULE_TOLERANCE = 1e-9


class RuleSubject:
    """An update rule: its numbers after several steps, against those of the real rule.

    The gradients are of very different sizes, so that eps and both corrections matter.
    """

    STEPS, SIZE, LR, DECAY = 4, 12, 0.1, 0.3

    def __init__(self, exercise):
        sizes = np.logspace(-7, 1, self.SIZE)
        self.gradients = random((self.STEPS, self.SIZE)) * sizes
        self.start = random((self.SIZE,), seed=1)

    def build(self, owner, path=None):
        """A rule with the usual settings."""
        return owner() if path is None else GuardedRule(owner(), path)

    def outputs(self, rule):
        """The state before the first step."""
        return dict(rule.init(self.start.copy()))

    def values(self, rule):
        """What each step adds to the vector, and m and v after the last."""
        vector, values = self.start.copy(), {}
        state = rule.init(vector)
        for step, gradient in enumerate(self.gradients, 1):
            before = vector.copy()
            rule.update(vector, read_only(gradient.copy()), state, self.LR, step, self.DECAY)
            values[f"change {step}"] = vector - before
        return {**values, **state}

    def checks(self, rule):
        """Each of the values against the real rule's."""
        got, want = self.values(rule), self.values(AdamW())
        checks = [_compared(name, got[name], want[name]) for name in want]
        return leaf_checks("AdamW", want, checks, RULE_TOLERANCE)


def _compared(name, got, want):
    """The relative error of each number by itself, as their sizes differ: a `Check`."""
    difference = np.abs(got - want) / np.where(want == 0, 1.0, np.abs(want))
    index = int(np.argmax(difference))
    error = float(difference[index])
    where = (index,), float(got[index]), float(want[index])
    return Check(name, error if np.isfinite(error) else np.inf, *where)


def random(shape, seed=5):
    """Standard normal numbers, read-only."""
    return read_only(np.random.default_rng(seed).standard_normal(shape))


def read_only(array):
    """The array itself: from now on, writing on it raises ValueError."""
    array.setflags(write=False)
    return array
