"""What all command lines share: the parser, the types of values, and options from settings."""

import argparse
import difflib
import math
import os
import re

from ..errors import ConfigError
from ..settings import LARGEST_INTEGER, Range
from ..text import unknown

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

# {an option's or value's name in other programs: its name here}, to suggest the right one.
SYNONYMS = {
    "--learning-rate": "--lr",
    "--wd": "--weight-decay",
    "--gpu": "--device",
    "--output": "--out",
    "cuda": "gpu",
}


class Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Help in 80 columns that shows every default except None and False."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=28, width=80)

    def _get_help_string(self, action):
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that refuses abbreviated options and reports errors in one line."""

    def __init__(self, **settings):
        super().__init__(allow_abbrev=False, formatter_class=Help, **settings)

    def parse_args(self, args=None, namespace=None):
        """As argparse does. An error about an unknown option suggests the nearest valid one."""
        for word in args or ():  # argparse takes the value in --out=-- for an empty list
            if word.startswith("--") and word.endswith("=--"):
                self.error(f"{word.removesuffix('=--')}: a value is missing")
        namespace, extra = self.parse_known_args(args, namespace)
        if extra:
            self.error(self.unknown_argument(extra))
        return namespace

    def unknown_argument(self, extra):
        """The sentence for arguments that belong to no option."""
        options = [word.partition("=")[0] for word in extra if word.startswith("-")]
        if not options:
            return f"unexpected argument {extra[0]!r}"
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        valid = [name for action in shown for name in action.option_strings if name[:2] == "--"]
        near = [SYNONYMS[options[0]]] if SYNONYMS.get(options[0]) in valid else []
        near = near or difflib.get_close_matches(options[0], valid, n=1, cutoff=0.6)
        return f"unknown option {options[0]}" + (f"; did you mean {near[0]}?" if near else "")

    def error(self, message):
        """Raise ConfigError: the message, and how to get help."""
        message = message.removeprefix("argument ")
        stop = "" if message.endswith((".", "?")) else "."
        raise ConfigError(f"{message}{stop} See {self.prog} --help.")


def whole(low=1, high=LARGEST_INTEGER):
    """A value type: an int in low..high."""
    return _in_range(int, Range(low, high, whole=True))


def number(low=0.0, high=math.inf, low_open=False, high_open=False):
    """A value type: a finite float in the interval from low to high, closed unless said."""
    return _in_range(float, Range(low, high, low_open, high_open))


def _in_range(kind, limits):
    """A value type: a number of `kind`, int or float, in the Range `limits`."""

    def value(text):
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if number not in limits:
            raise argparse.ArgumentTypeError(f"must be {limits.in_words(number)}; got {text!r}")
        return number

    return value


def _or_word(value, meanings):
    """A value type: one of the words in `meanings`, {word: number}, or what `value` takes."""
    return lambda text: meanings[text.casefold()] if text.casefold() in meanings else value(text)


def _one_or_two(value):
    """A value type: what `value` takes, or two of them, "48x32", height and width."""

    def pair(text):
        parts = text.split("x")
        return tuple(map(value, parts)) if len(parts) == 2 and all(parts) else value(text)

    return pair


def choice(kind, names):
    """A value type: one of `names`, in upper or lower case. Errors suggest the nearest name."""
    known = {name.casefold(): name for name in names}

    def value(text):
        if text.casefold() not in known:
            meant = SYNONYMS.get(text.casefold())
            raise argparse.ArgumentTypeError(unknown(kind, text, known.values(), meant))
        return known[text.casefold()]

    return value


def path(text):
    """A value type: a path. ~ is the home directory, even where the shell did not expand it."""
    if URL.match(text):
        raise argparse.ArgumentTypeError(f"{text} is a URL; download it and give the file")
    return os.path.expanduser(words(text))


def words(text):
    """A value type: any text that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def add_model(parser):
    """Add the argument MODEL, which `load_model` opens."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=path,
        help="a run's directory, a checkpoint, or a file that import or export made",
    )


def load_model(args):
    """The `Trained` that MODEL names. Raises CheckpointError."""
    from ..trained import load  # here: not every command needs a model

    return load(args.model)


def add_settings(group, kind, names=None, defaults=None):
    """Add one option for each field of `kind`, a `Settings` class; it is None when not given.

    names: of the fields to add, if not all. defaults: {name: what help says the field is when its
    option is not given}, where that is not the field's own default.
    """
    for name, setting in kind.settings().items():
        if names is None or name in names:
            default = (defaults or {}).get(name, getattr(kind, name))
            _add_setting(group, name, setting, setting.in_words(default))


def _add_setting(group, name, setting, default):
    """Add the option of one field: its type and help follow from the `Setting`."""
    if setting.kind is bool:
        how = {"action": argparse.BooleanOptionalAction}
    elif setting.choices:
        how = {"type": choice(name, setting.choices), "metavar": setting.metavar}
    else:
        value = _in_range(setting.kind, setting.range)
        value = _one_or_two(value) if setting.pair else value
        how = {"type": _or_word(value, setting.words), "metavar": setting.metavar}
    group.add_argument(flag(name), **how, help=f"{setting.help} (default: {default})")
    if setting.alias:
        group.add_argument(flag(setting.alias), dest=name, **how, help=argparse.SUPPRESS)


def flag(name):
    """The option of a field: "batch_size" -> "--batch-size"."""
    return "--" + name.replace("_", "-")


def given(args, kind):
    """The fields of `kind`, a `Settings` class, whose options were given, as a dict."""
    values = {name: getattr(args, name, None) for name in kind.settings()}
    return {name: value for name, value in values.items() if value is not None}
