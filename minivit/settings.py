"""Settings: fields that state their own help, range and choices, each in one place.

`Config` and `Recipe` are dataclasses of such fields. Their checks, the options of the command line
and its help all follow from what the fields state:

    @dataclass(frozen=True)
    class Recipe(Settings):
        epochs: int = setting(10, "passes over the training images", low=1)
"""

import math
from dataclasses import asdict, dataclass, field, fields

from .errors import ConfigError
from .text import quoted, unknown

LARGEST_INTEGER = 2**63 - 1  # that fits in NumPy's int64


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, or strictly between them where an end is open."""

    low: float = 0
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False

    def __contains__(self, number):
        above = number > self.low if self.low_open else number >= self.low  # False for nan
        below = number < self.high if self.high_open else number <= self.high
        return above and below and abs(number) < math.inf

    def in_words(self, number):
        """What `number`, which is outside, should have been: "a whole number of at least 1"."""
        if self.whole:
            limit = f"at most {self.high}" if number > self.high else f"at least {self.low}"
            return f"a whole number of {limit}"
        limits = []
        if self.low > -math.inf:
            limits.append(f"{'above' if self.low_open else 'of at least'} {self.low:g}")
        if self.high < math.inf:
            limits.append(f"{'below' if self.high_open else 'at most'} {self.high:g}")
        return " ".join(["a finite number", " and ".join(limits)]).strip()


@dataclass(frozen=True)
class Setting:
    """What a field states about itself, besides its type and default.

    kind: int, float, bool or str. range: of a number. choices: the valid names of a str. metavar,
    group: how help shows the value, and under which heading. unset: what the value 0 means, where
    that is not obvious. words: {word: the number that it stands for}, also outside the range.
    alias: an older name, which is still read. pair: whether it may be two numbers, a height and a
    width; two equal ones become one.
    """

    help: str
    kind: type
    range: Range | None
    choices: tuple
    metavar: str
    group: str
    unset: str
    words: dict
    alias: str
    pair: bool

    def plain(self, value):
        """The value as the field holds it: a pair as a tuple, or one number if both are equal."""
        if not self.pair or not isinstance(value, (list, tuple)) or len(value) != 2:
            return value
        first, second = value
        return first if type(first) is type(second) and first == second else (first, second)

    def in_words(self, value):
        """A value of the field as help shows it."""
        if isinstance(value, tuple):  # 48x32
            return "x".join(map(str, value))
        if self.unset and value == 0:
            return self.unset
        for word, number in self.words.items():
            if value == number:
                return word
        return {True: "on", False: "off"}[value] if type(value) is bool else str(value)

    def problem(self, name, value):
        """The sentence for a value that the field cannot have; "" for one that it can."""
        if self.choices:
            return "" if value in self.choices else unknown(name, value, self.choices)
        if self.kind is bool:
            return (
                "" if type(value) is bool else f"{name} must be True or False; got {quoted(value)}"
            )
        if self.pair and isinstance(value, tuple) and len(value) == 2:
            return next(filter(None, (self.problem(name, each) for each in value)), "")
        kinds = int if self.kind is int else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if number and (value in self.range or value in self.words.values()):
            return ""
        return f"{name} must be {self.range.in_words(value if number else -1)}; got {quoted(value)}"


def setting(
    default, help, low=0, high=math.inf, low_open=False, high_open=False, choices=(),
    metavar="", group="", unset="", words=None, alias="", pair=False,
):  # fmt: skip
    """A dataclass field that is a `Setting`. Its kind is that of `default`."""
    kind, limits = type(default), None
    if kind is int:
        limits = Range(low, min(high, LARGEST_INTEGER), whole=True)
    elif kind is float:
        limits = Range(low, high, low_open, high_open)
    metavar = metavar or (f"{{{','.join(choices)}}}" if choices else "N|HxW" if pair else "N")
    own = dict(words or {})
    stated = Setting(help, kind, limits, tuple(choices), metavar, group, unset, own, alias, pair)
    return field(default=default, metadata={"setting": stated})


class Settings:
    """The base of a frozen dataclass whose fields are all settings: checked, and read from JSON."""

    def __post_init__(self):
        """Raise ConfigError, in one sentence, for the first field that cannot have its value."""
        for name, stated in self.settings().items():
            object.__setattr__(self, name, stated.plain(getattr(self, name)))
            if problem := stated.problem(name, getattr(self, name)):
                raise ConfigError(problem)

    @classmethod
    def settings(cls):
        """{name: Setting} of all fields, in their order."""
        return {field.name: field.metadata["setting"] for field in fields(cls)}

    @classmethod
    def from_dict(cls, values):
        """The value that `to_dict` wrote, also under older names of fields.

        A field that is not in `values` has its default: it is newer than they are. Raises
        ConfigError for names that are no fields, and for values that a field cannot have.
        """
        if names := cls.unknown_names(values):
            raise ConfigError(f"{cls.__name__} has no {', '.join(names)}")
        now = cls._aliases()
        return cls(**{now.get(name, name): value for name, value in values.items()})

    @classmethod
    def unknown_names(cls, values):
        """The names in `values` that no field has or had, sorted."""
        return sorted(set(values) - cls.settings().keys() - cls._aliases().keys())

    @classmethod
    def _aliases(cls):
        """{older name: name now}."""
        return {s.alias: name for name, s in cls.settings().items() if s.alias}

    def to_dict(self):
        """The fields as a plain dict, for JSON."""
        return asdict(self)
