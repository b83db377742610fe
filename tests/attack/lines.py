"""Command lines of every command: right and wrong options with right and wrong values."""

import contextlib
import importlib
import io
import os
from functools import partial

from minivit.__main__ import main as minivit
from minivit.commands import COMMANDS, exits

from .files import sentence

VALUES = """0 1 2 3 4 8 -1 -0 1.5 0.5 1e400 nan inf -inf x 2.0 1_000 0x10 9223372036854775808
    1000000000000000000000000 tiny smoke shapes cpu adamw sgd mean class erf rand none
    nowhere .. / ~ *""".split()
VALUES += ["", " ", "a b", "\u732b", "\x7f", "--", "-x", "=", "a" * 300]
OWN = {  # values that mean something to the other commands
    "--kind": ["positions", "filters", "curves,positions", "positions,x"],
    "--split": ["val", "train", "test"],
    "--layer": ["LayerNorm", "linear", "GELU"],
    "--variant": ["B/16", "Ti/16", "b16"],
    "--csv": ["table.csv", "no/where/table.csv", "."],
    "--sizes": ["A", "A,B", "C,x"],
    "--images": ["image.png", "text.png", "folder"],
}
SMALL = (
    "--patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu".split()
)
ON_SHAPES = [*SMALL, *"--threads 1 --dataset shapes --epochs 1 --batch-size 20".split()]
# valid values of these would take long, or leave the attack's own directory
BOUNDED = {
    "train": ("--epochs", "--threads", "--dataset", "--data-dir", "--help"),
    "bench": ("--help",),
    "*": ("--help", "--dpi"),
}
AT_HOME = {"..", "/", "~", "*"}  # values that no command but train gets: it refuses to write there
WEIGHTS = {"train": 6, "summary": 6, "predict": 3, "gradcheck": 3, "bench": 2, "evaluate": 2,
           "figures": 1}  # fmt: skip


def program():
    """The program with few shapes and places, and without curves."""
    from minivit.data.sources import places, shapes
    from minivit.training import curves

    if not hasattr(shapes, "all_of_them"):
        shapes.all_of_them = shapes.load
        shapes.load = lambda seed: shapes.all_of_them(seed, train=40, test=12)
        places.load = partial(places.load, train=40, test=12)
    curves.draw = lambda *drawn: ""


def quiet(main, words):
    """Run a command in this process -> "accepted" or "sentence". Raises for anything else."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exits.run(main, words)
    if status == 0 and "Traceback" not in err.getvalue():
        return "accepted"
    if status not in (1, 2):
        raise AssertionError(f"exit status {status}: {err.getvalue()[:500]!r} of {words}")
    if words[0] == "predict" and err.getvalue().count("\n") > 1:
        return "sentence"  # one for each image
    first, *rest = err.getvalue().strip().split("\n")
    if words[0] == "exercise" and len(rest) == 1 and rest[0].startswith("    "):
        return sentence(first)  # below it: the learner's own line that failed
    return sentence(err.getvalue())


def options(command):
    """The long options of a command."""
    from minivit.commands.arguments import Parser

    parser = Parser(prog="x")
    importlib.import_module(f"minivit.commands.{command}").add_arguments(parser)
    return [o for a in parser._actions for o in a.option_strings if o.startswith("--")]


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    from . import sound

    run = sound.small_run(place)
    for name, content in sound.files(place).items():
        if name.startswith(("image", "weights")):
            (place / name).write_bytes(content)
    (place / "folder").mkdir(exist_ok=True)
    (place / "text.png").write_text("no image")
    os.chdir(place)
    known = {name: options(name) for name in COMMANDS}
    # another command with a model or with files of its own is a line here
    always = {
        "train": lambda chance: ON_SHAPES,
        "predict": lambda chance: [model(chance), chance.choice(("image.png", "text.png", "x"))],
        "evaluate": lambda chance: [model(chance)],
        "figures": lambda chance: [model(chance), "--kind", "positions", "--dpi", "30"],
        "bench": lambda chance: [],
    }
    commands = [name for name in COMMANDS for _ in range(WEIGHTS.get(name, 2))]

    def model(chance):
        return chance.choice((str(run), str(run / "best.npz"), "weights.npz", "text.png", "x"))

    def attack(chance):
        command = chance.choice(commands)
        words = list(always.get(command, lambda chance: [])(chance))
        for _ in range(chance.randrange(1, 4)):
            option = chance.choice(known[command])
            if option in BOUNDED.get(command, BOUNDED["*"]):
                continue
            value = chance.choice(OWN.get(option, VALUES) if chance.random() < 0.6 else VALUES)
            if command != "train" and value in AT_HOME:
                continue
            if chance.random() < 0.1:  # a misspelling
                where = chance.randrange(2, len(option))
                option = option[:where] + chance.choice("xyz-=") + option[where + 1 :]
            words += [f"{option}={value}"] if chance.random() < 0.5 else [option, value]
        if command == "bench":  # a measurement takes seconds: the words are read, and then refused
            words += ["--sizes", "none"]
        return quiet(minivit, [command, *words])

    return attack
