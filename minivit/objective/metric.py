"""A number that a run reports."""

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """A number that a run reports.

    unit: "%" for a fraction that is printed as a percentage, TARGETS for a number in the targets'
    own units, else a word such as "nats". label: a short form of the name, for a narrow line.
    detail: whether only the result shows it, not every epoch.
    """

    name: str
    unit: str
    higher_is_better: bool
    label: str = ""
    detail: bool = False

    def number(self, value):
        """The value as it is printed: "1.645", "49.21%" or, in the targets' units, "20.59"."""
        if self.unit == TARGETS:
            return rounded(value)
        return f"{value:.2%}" if self.unit == "%" else f"{value:.3f}"

    def text(self, value):
        """The label and the value, the same width on every line: "loss 1.645", "acc  49.21%"."""
        return f"{self.label or self.name} {self.number(value):>{7 if self.unit == '%' else 5}}"

    def better(self, value, best):
        """Is `value` better than `best`? None counts as worse than any value."""
        if best is None:
            return True
        return value > best if self.higher_is_better else value < best


TARGETS = "target units"


def rounded(value):
    """A number with four digits that count: 20.59, 0.004321, 152,300."""
    if not value or not math.isfinite(value):
        return f"{value:.3f}"
    digits = 3 - math.floor(math.log10(abs(value)))
    if abs(digits) > 12:
        return f"{value:.3e}"
    return f"{round(value, digits):,.{max(0, digits)}f}"
