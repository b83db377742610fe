"""What is not in the arrays: how a program computes with them, and what its JSON files say.

A `Said` starts with what the program does unless it is told otherwise, and the files beside the
weights change that. It knows of each value where it is from, for the report.
"""

from dataclasses import dataclass, field

from ..errors import CheckpointError
from ..storage.meta import Number, Optional, problem

MOST = 1_000_000  # of any size
GELUS = {  # the name in a config: ours
    "gelu": "erf", "gelu_python": "erf", "gelu_erf": "erf",
    "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "gelu_fast": "tanh", "gelu_tanh": "tanh",
}  # fmt: skip


@dataclass
class Said:
    """Values by name, and where each of them is from.

    values: gelu, norm_eps, mean, std (one number or one a channel), crop; heads and pool, where
    known; classes, a tuple of names. sizes: {what a config calls it: (its value, ours)} to be
    compared with the arrays. notes: sentences for the report.
    """

    values: dict
    origin: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def set(self, origin, **values):
        """Take over those values that are not None."""
        for name, value in values.items():
            if value is not None:
                self.values[name], self.origin[name] = value, origin


def maybe(kind):
    """A value that may be null or not there."""
    return Optional(kind, absent=True)


@dataclass(frozen=True)
class Setting:
    """Any plain value but an object: a number, a text, true or false, or a list of such."""

    def problem(self, value):
        """As those of `storage.meta`."""
        if isinstance(value, list):
            return next(filter(None, map(self.problem, value[:100])), "")
        number = type(value) in (int, float) and Number().problem(value)
        return "must be a plain value" if isinstance(value, dict) or number else ""


def check(description, values, place):
    """Raise CheckpointError unless a JSON object is as described. place: what it is."""
    if wrong := problem(description, values):
        raise CheckpointError(f"{place} cannot be meant: {wrong}.")


def gelu(name, place):
    """Ours for an activation's name in a config; None for None. Raises CheckpointError."""
    if name is not None and (not isinstance(name, str) or name not in GELUS):
        raise CheckpointError(f"{place} has the activation {name!r:.40}; only GELU is imported.")
    return GELUS.get(name)
