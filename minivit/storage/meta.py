"""A description of plain values, and the first place where given values differ from it.

    POSITION = {"step": Whole(), "best": Optional(Number()), "sums": Mapping(Number())}
    problem(POSITION, {"step": -1, ...})  ->  "step is -1; it must be a whole number, 0 or more"

What a checkpoint holds besides arrays is JSON, which may have been edited. Whoever reads it says
once what it has to be; after that, code may rely on it.
"""

import math
from dataclasses import dataclass
from typing import Any

LARGEST = 2**53  # up to here every whole number is also a float
LONGEST = 4096  # characters of a text; systems allow no longer path


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int = 0
    high: int = LARGEST

    def problem(self, value):
        """What is wrong with the value, as "must be ..."; "" if nothing is."""
        if type(value) is int and self.low <= value <= self.high:
            return ""
        return f"must be a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`; whole ones count."""

    low: float = -math.inf
    high: float = math.inf

    def problem(self, value):
        """As `Whole.problem`."""
        try:
            finite = type(value) in (int, float) and math.isfinite(value)
            if finite and self.low <= value <= self.high:
                return ""
        except OverflowError:  # a whole number too large for a float
            pass
        least = f" of at least {self.low:g}" if self.low == 0 else ""
        return f"must be a finite number{least}" + f" up to {self.high}" * (self.high < math.inf)


@dataclass(frozen=True)
class Text:
    """Text without control characters (a path with a zero in it, say, cannot be opened).

    choices: the valid ones, where not any text is. control: whether such characters are allowed.
    """

    choices: tuple = ()
    control: bool = False

    def problem(self, value):
        """As `Whole.problem`."""
        if self.choices:
            return "" if value in self.choices else f"must be {' or '.join(self.choices)}"
        if type(value) is str and len(value) <= LONGEST:
            if self.control or not any(map(_control, value)):
                return ""
        return f"must be text of at most {LONGEST} {'' if self.control else 'printable '}characters"


def _control(letter):
    return ord(letter) < 32 or ord(letter) == 127


@dataclass(frozen=True, init=False)
class Either:
    """What one of several kinds describes."""

    kinds: tuple

    def __init__(self, *kinds):
        object.__setattr__(self, "kinds", kinds)

    def problem(self, value):
        """As `Whole.problem`."""
        problems = [kind.problem(value) for kind in self.kinds]
        return " or ".join(problems) if all(problems) else ""


@dataclass(frozen=True)
class Optional:
    """None, or what `kind` describes. Where `absent`, it need not be there at all."""

    kind: Any
    absent: bool = False

    def problem(self, value):
        """As `Whole.problem`."""
        problem = value is not None and self.kind.problem(value)
        return f"{problem}, or null" if problem else ""


@dataclass(frozen=True)
class ListOf:
    """A list of at most `most` values, each as `kind` describes."""

    kind: Any
    most: int = 1_000_000

    def problem(self, value):
        """As `Whole.problem`."""
        if type(value) is not list or len(value) > self.most:
            return f"must be a list of at most {self.most}"
        return next((f"has a value that {p}" for v in value if (p := self.kind.problem(v))), "")


@dataclass(frozen=True)
class Object:
    """A dict as `description` says, for `problem`; if `alone`, without other names."""

    description: dict
    alone: bool = False

    def problem(self, value):
        """As `Whole.problem`."""
        if found := problem(self.description, value):
            return f"must be an object, in which {found}"
        more = sorted(value.keys() - self.description.keys()) if self.alone else ()
        return f"must have no {more[0]!r:.40}" if more else ""


@dataclass(frozen=True)
class MappingOf:
    """Names, each with a value as `kind` describes."""

    kind: Any

    def problem(self, value):
        """As `Whole.problem`."""
        if type(value) is not dict:
            return "must be an object"
        return next(
            (f"has a value that {p}" for v in value.values() if (p := self.kind.problem(v))), ""
        )


def problem(description: dict, values: Any, place: str = "") -> str:
    """The first place where `values` is not as described, in words; "" if there is none.

    description: {name: a description of these kinds, or a dict of further names}. Names that it
    does not have are left alone.
    """
    if type(values) is not dict:
        return f"{place or 'it'} is {_shown(values)}; it must be an object"
    for name, kind in description.items():
        where = f"{place}.{name}" if place else name
        if name not in values:
            if isinstance(kind, Optional) and kind.absent:
                continue
            return f"{where} is missing"
        value = values[name]
        found = problem(kind, value, where) if isinstance(kind, dict) else kind.problem(value)
        if found:
            return found if isinstance(kind, dict) else f"{where} is {_shown(value)}; it {found}"
    return ""


def _shown(value):
    """A value in at most 40 characters."""
    if type(value) in (dict, list):
        return {dict: "an object", list: "a list"}[type(value)]
    if type(value) is int and abs(value) > LARGEST:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
