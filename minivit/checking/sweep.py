"""The error of finite differences against their step h: a V, with the best step at its tip.

A central difference neglects h^2 L''' / 6, and it loses digits when it subtracts two nearly equal
losses: an error of about eps |L| / h. So the error falls with h^2 down to the tip, and then rises
with 1/h. A wrong gradient has no V: its error stays where it is, whatever h.
"""

from math import isfinite, log10
from typing import NamedTuple

from ..gradcheck import check_leaf

STEPS = tuple(10.0**-exponent for exponent in range(1, 13))
BAR = 20  # columns of the longest bar
LOWEST = -12  # the exponent of ten at which a bar is empty
LINE = "{:<9}{:>8}  {:<18} {:<12}{}"


class Step(NamedTuple):
    """A step h and the check of each leaf with it."""

    step: float
    checks: list

    @property
    def worst(self):
        """The check with the largest error."""
        return max(self.checks, key=lambda check: check.error)


def sweep(point, steps=STEPS, done=lambda: None):
    """Check each leaf with each step -> list of `Step`; `done` is called after each step."""
    swept = []
    for step in steps:
        leaves = point.values.items()
        checks = [check_leaf(n, point.loss, v, point.gradients[n], step) for n, v in leaves]
        swept.append(Step(step, checks))
        done()
    return swept


def table(swept):
    """The sweep as text: for each step the largest error, and a bar for its order of magnitude."""
    best = min(swept, key=lambda each: each.worst.error)
    lines = [LINE.format("step h", "error", "worst in", "at", "").rstrip()]
    for each in swept:
        check = each.worst
        at, bar = ", ".join(map(str, check.index)), _bar(check.error)
        name = check.leaf if len(check.leaf) <= 18 else f"..{check.leaf[-16:]}"
        line = LINE.format(f"{each.step:.0e}", f"{check.error:.1e}", name, at, bar)
        lines.append((line + ("  smallest" if each is best else "")).rstrip())
    return "\n".join(lines)


def _bar(error):
    """A bar that grows with the logarithm of the error: empty at 1e-12, full at 1 and above."""
    if not isfinite(error):
        return "█" * BAR
    height = (log10(error) - LOWEST) / -LOWEST if error > 0 else 0.0
    return "█" * round(BAR * min(1.0, max(0.0, height)))
