"""Command lines: right and wrong options with right and wrong values."""

import contextlib
import io
import os
import sys
from pathlib import Path

from minivit.__main__ import main as minivit
from minivit.commands import COMMANDS, exits

from .files import sentence

VALUES = """0 1 2 3 4 8 -1 -0 1.5 0.5 1e400 nan inf -inf x 2.0 1_000 0x10 9223372036854775808
    1000000000000000000000000 tiny smoke shapes cpu adamw sgd mean class erf rand none
    nowhere .. / ~ *""".split()
VALUES += ["", " ", "a b", "\u732b", "\x7f", "--", "-x", "=", "a" * 300]
SMALL = (
    "--patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu".split()
)
ON_SHAPES = [*SMALL, *"--threads 1 --dataset shapes --epochs 1 --batch-size 20".split()]
BOUNDED = ("--epochs", "--threads", "--dataset", "--data-dir")  # valid values would take long


def program():
    """The program with few shapes and without curves."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
    from minivit.data.sources import shapes
    from minivit.training import curves

    if not hasattr(shapes, "all_of_them"):
        shapes.all_of_them = shapes.load
        shapes.load = lambda seed: shapes.all_of_them(seed, train=40, test=12)
    curves.draw = lambda *drawn: ""


def quiet(command, words):
    """Run a command in this process -> "accepted" or "sentence". Raises for anything else."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exits.run(minivit, [command, *words])
    if status == 0 and not err.getvalue():
        return "accepted"
    if status not in (1, 2):
        raise AssertionError(f"exit status {status}: {err.getvalue()[:500]!r}")
    return sentence(err.getvalue())


def options(command):
    """The long options of a command."""
    from minivit.commands.arguments import Parser

    parser = Parser(prog="x")
    __import__("importlib").import_module(f"minivit.commands.{command}").add_arguments(parser)
    return [o for a in parser._actions for o in a.option_strings if o.startswith("--")]


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    program()
    os.chdir(place)
    known = {name: options(name) for name in COMMANDS if name in ("train", "summary")}

    def attack(chance):
        command = chance.choice(["train", "summary"])
        words = list(ON_SHAPES) if command == "train" else []
        for _ in range(chance.randrange(1, 4)):
            option = chance.choice(known[command])
            if option in BOUNDED or option == "--help":
                continue
            if chance.random() < 0.1:  # a misspelling
                where = chance.randrange(2, len(option))
                option = option[:where] + chance.choice("xyz-=") + option[where + 1 :]
            value = chance.choice(VALUES)
            words += [f"{option}={value}"] if chance.random() < 0.5 else [option, value]
        return quiet(command, words)

    return attack
