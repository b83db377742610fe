"""The other commands that write files, killed at any moment or short of disk.

A file is the old one or the new one, whole, or not there; and the next command still works.
"""

import os
import signal
from pathlib import Path

import numpy as np

import minivit
from minivit.__main__ import main as program

from . import process, sound
from .kills import SIGNALS

OURS = {  # how files begin that a command may write over; other files are the user's
    "predict": b"file,class_1",
    "figures": b"PNG minivit",
    "evaluate": b'{\n  "model": ',
}
KILLED = 0.7  # of the attacks; the others have a limit on the size of files


def save(argv):
    """`trained.save` as if it were a command."""
    minivit.load(argv[0]).save(argv[1])
    return 0


def commands(run):
    """(main, words, the files it writes) of all of them. Another one is a line here."""
    yield save, [run, "model.npz"], ["model.npz"]
    yield program, ["predict", run, "image.png", "--csv", "table.csv"], ["table.csv"]
    try:
        import matplotlib.backends.backend_agg  # so that no process imports it again
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return
    words = ["figures", run, "--kind", "positions", "--dpi", "40", "--out", "drawn"]
    yield program, words, ["drawn/positions.png"]
    words = ["evaluate", run, "--out", "judged"]
    yield program, words, ["judged/evaluation.json"]


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    os.chdir(place)
    run = str(sound.small_run(place))
    for name, content in sound.images(np.random.default_rng(0)).items():
        if name == "image.png":
            Path(name).write_bytes(content)
    known = []
    for main, words, names in commands(run):
        words = list(map(str, words))
        for name in names:  # what an interrupted turn left
            Path(name).unlink(missing_ok=True)
        end = process.forked(main, words)
        if end.status:
            raise AssertionError(f"{words}: {end.err}")
        known.append((main, words, {n: Path(n).read_bytes() for n in names}, end.seconds))
    weights = [1 / seconds for *_, seconds in known]

    def attack(chance):
        ((main, words, wanted, seconds),) = chance.choices(known, weights)
        olds = (None, b"", OURS.get(words[0], b"") + b"x" * 100_000, b"the user's own")
        before = {name: chance.choice(olds) for name in wanted}
        for name, content in before.items():
            for stale in Path(name).parent.glob(".minivit-*.tmp"):
                stale.unlink()
            Path(name).unlink(missing_ok=True)
            if content is not None:
                Path(name).write_bytes(content)
        if chance.random() < KILLED:
            number = chance.choice(SIGNALS)
            blow = f"{wanted.keys()}, signal {number.name}"
            after = chance.uniform(0, 1.1 * seconds)
            end = process.forked(main, words, after, process.signalled(number))
        else:
            number, limit = None, chance.randrange(1, 2 * max(map(len, wanted.values())))
            blow = f"{wanted.keys()}, a limit of {limit} bytes a file"
            end = process.forked(main, words, most_bytes=limit)
        end.checked(blow)
        for name, content in wanted.items():
            found = Path(name).read_bytes() if Path(name).exists() else None
            if found != content and (end.status == 0 or found != before[name]):
                size = "nothing" if found is None else f"{len(found)} bytes"
                raise AssertionError(f"after {blow}: {name} holds {size}, of {len(content)}")
        left = [p for name in wanted for p in Path(name).parent.glob(".minivit-*.tmp")]
        if left and end.status != -signal.SIGKILL:
            raise AssertionError(f"after {blow}: status {end.status} and {left[0]} is left")
        if end.status == 0:
            if b"the user's own" in before.values() and words[0] in OURS:
                raise AssertionError(f"{words[0]} wrote over the user's own")
            return "equal"
        return "sentence" if end.err else "killed"

    return attack
