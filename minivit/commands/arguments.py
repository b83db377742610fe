"""What every command line of the project shares: options and their values. See also `ending`."""

import argparse
import difflib
import math
import os
from dataclasses import fields

from ..config import GELUS, INITS, POOLS, Config
from ..errors import unknown

# What other programs call an option or a value, and what it is called here.
SYNONYMS = {
    "--learning-rate": "--lr",
    "--wd": "--weight-decay",
    "--gpu": "--device",
    "--output": "--out",
    "cuda": "gpu",
}


class Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Help 80 columns wide that shows defaults, where there is one to show."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=28, width=80)

    def _get_help_string(self, action):
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no shortened options and says what is wrong in one line."""

    def __init__(self, **settings):
        super().__init__(allow_abbrev=False, formatter_class=Help, **settings)

    def parse_args(self, args=None, namespace=None):
        """As argparse does, naming the nearest option where one is misspelt."""
        namespace, extra = self.parse_known_args(args, namespace)
        if extra:
            self.error(self.unknown_argument(extra))
        return namespace

    def unknown_argument(self, extra):
        """The sentence for the arguments that no option takes."""
        options = [word.partition("=")[0] for word in extra if word.startswith("-")]
        if not options:
            return f"unexpected argument {extra[0]!r}"
        valid = [name for name in self._option_string_actions if name.startswith("--")]
        near = [SYNONYMS[options[0]]] if SYNONYMS.get(options[0]) in valid else []
        near = near or difflib.get_close_matches(options[0], valid, n=1, cutoff=0.6)
        return f"unknown option {options[0]}" + (f"; did you mean {near[0]}?" if near else "")

    def error(self, message):
        """Print the sentence and where help is, on one line of stderr; exit with status 2."""
        message = message.removeprefix("argument ")
        stop = "" if message.endswith((".", "?")) else "."
        self.exit(2, f"error: {message}{stop} See {self.prog} --help.\n")


def whole(minimum=1, maximum=2**63 - 1):
    """A value type: an int in minimum..maximum."""

    def value(text):
        try:
            number = int(text)
        except ValueError:
            number = -math.inf
        if minimum <= number <= maximum:
            return number
        limit = f"at most {maximum}" if number > maximum else f"at least {minimum}"
        raise argparse.ArgumentTypeError(f"must be a whole number of {limit}; got {text!r}")

    return value


def number(low=0.0, high=math.inf, low_open=False, high_open=False):
    """A value type: a finite float in [low, high], or beyond the ends that are open."""
    limits = [] if low == -math.inf else [f"{'above' if low_open else 'of at least'} {low:g}"]
    limits += [] if high == math.inf else [f"{'below' if high_open else 'at most'} {high:g}"]
    words = " ".join(["a finite number", " and ".join(limits)]).strip()

    def value(text):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        above = number > low if low_open else number >= low  # false for nan
        below = number < high if high_open else number <= high
        if not (math.isfinite(number) and above and below):
            raise argparse.ArgumentTypeError(f"must be {words}; got {text!r}")
        return number

    return value


def choice(kind, names):
    """A value type: one of `names`, in capitals or not; a misspelt one is told the nearest."""
    known = {name.casefold(): name for name in names}

    def value(text):
        if text.casefold() not in known:
            meant = SYNONYMS.get(text.casefold())
            raise argparse.ArgumentTypeError(unknown(kind, text, known.values(), meant))
        return known[text.casefold()]

    return value


def path(text):
    """A value type: a path, ~ being the home directory also where the shell left it."""
    return os.path.expanduser(words(text))


def words(text):
    """A value type: any text but none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def add(group, flag, kind, metavar, text, default=None):
    """Add an option with a value of `kind`, a value type; None stands for "not given"."""
    group.add_argument(flag, type=kind, metavar=metavar, help=text, default=default)


def add_model_arguments(parser, source=None, data=None):
    """Add the sizes of a model, one option a field of `Config`, each None when not given.

    `source` says in words where a size that is not given comes from ("the preset's"), `data` the
    same for some of them, by name ({"classes": "the data's"}); else help shows `Config`'s own.
    """
    group = parser.add_argument_group("the model's sizes")
    size, rate = whole(1, 1_000_000), number(0, 1, high_open=True)
    options = {
        "image_size": (size, "N", "side of the images, in pixels"),
        "patch_size": (size, "N", "side of a patch; divides the image's"),
        "patch_overlap": (
            whole(0, 1_000_000),
            "N",
            "pixels by which patches reach over their sides",
        ),
        "channels": (size, "N", "colours of a pixel"),
        "classes": (size, "N", "classes to tell apart"),
        "dim": (size, "N", "width D of a token"),
        "depth": (size, "N", "number of blocks"),
        "heads": (size, "N", "attention heads; divides the width"),
        "mlp_dim": (size, "N", "hidden width M of the MLP"),
        "pool": (
            choice("pool", POOLS),
            f"{{{','.join(POOLS)}}}",
            "class token, mean of patches, or weighted mean",
        ),
        "gelu": (choice("gelu", GELUS), f"{{{','.join(GELUS)}}}", "tanh form, or the exact one"),
        "dropout": (rate, "RATE", "share of numbers to drop in training"),
        "drop_path": (rate, "RATE", "share of branches to drop in the last block"),
        "patch_dropout": (rate, "RATE", "share of patches to drop in training"),
        "init": (choice("init", INITS), f"{{{','.join(INITS)}}}", "how the parameters start"),
    }
    for field in fields(Config):
        value, metavar, text = options[field.name]
        flag = "--" + field.name.replace("_", "-")
        text += f" (default: {(data or {}).get(field.name) or source or field.default})"
        add(group, flag, value, metavar, text)


def model_sizes(args):
    """The sizes that were given, as a dict of `Config`'s fields."""
    given = {field.name: getattr(args, field.name) for field in fields(Config)}
    return {name: value for name, value in given.items() if value is not None}


def model_config(args, **defaults):
    """The Config of the sizes given, then of `defaults`, then of its own. Raises ConfigError."""
    return Config(**{**defaults, **model_sizes(args)})
