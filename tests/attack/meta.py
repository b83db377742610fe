"""Checkpoints and model files whose values were edited and whose hash is right.

They are loaded, used, judged and gone on with.
"""

import copy
import json
import os

import numpy as np

import minivit
from minivit.__main__ import main as program
from minivit.data import TargetFile
from minivit.errors import MinivitError
from minivit.evaluation.images import load_part
from minivit.storage import checkpoint
from minivit.training.saved_run import SavedRun

from . import sound
from .files import sentence
from .lines import quiet

VALUES = [
    None, True, False, 0, 1, 2, 3, -1, 7, 2**31, 2**53, 2**63, 2**70, 10**300, 10**400, 0.0, 0.5,
    -0.5, 1e-300, 1e300, "", "a", "\0", "\n", "a" * 5000, "../../x", "\ud800", "cpu", "gpu",
    "shapes", [], [1], [[]], ["a"] * 3, [0.5] * 3, [1e300] * 3, {}, {"a": 1}, {"count": 1},
]  # fmt: skip
RUN_SHARE = 0.15  # of the attacks that also train, or judge; the others only load
WEIGHTS_ONLY = 3  # the sound files from here on
USED = 0.03  # of them that go to another command


def leaves(values, place=()):
    """The places of all values inside, branches too."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for name, value in items:
        yield (*place, name)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*place, name))


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    run = sound.small_run(place)
    numbers = sound.small_run(place, "--dataset", "places", name="numbers")
    minivit.load(run).save(place / "weights.npz")
    minivit.load(numbers).save(place / "numbers.npz")
    files = (sound.OLD, run / "last.npz", numbers / "last.npz")
    files += (place / "weights.npz", place / "numbers.npz")
    sounds = [checkpoint.load(path) for path in files]
    sounds[2][1]["source"]["targets"] = TargetFile("targets.csv").to_dict()
    # a run on a data set that is there: its images are others, which is the last thing refused
    sounds[0][1]["source"]["dataset"] = "shapes"
    os.chdir(place)
    path = place / "last.npz"
    # a new checkpoint takes the place of the old one without a look at its directory
    (place / "config.json").write_bytes((run / "config.json").read_bytes())

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    commands = [["predict", str(path), "image.png"], ["evaluate", str(path)],
                ["figures", str(path), "--kind", "positions", "--dpi", "30"],
                ["figures", "--runs", "rows.jsonl", "--dpi", "30"]]  # fmt: skip
    for name, content in sound.images(np.random.default_rng(0)).items():
        (place / name).write_bytes(content)

    def used(chance):
        """The file, or rows of a run that were edited too, given to another command."""
        edited = copy.deepcopy(rows)
        for _ in range(3):
            _edit(chance, edited)
        text = "".join(json.dumps(row) + "\n" for row in edited)
        (place / "rows.jsonl").write_text(text)
        return quiet(program, chance.choice(commands))

    def attack(chance):
        which = chance.choice((0, 1, 1, 2, 2, 3, 4))
        arrays, meta = sounds[which]
        meta = copy.deepcopy(meta)
        for _ in range(chance.choice((1, 1, 2))):
            _edit(chance, meta)
        try:
            path.unlink(missing_ok=True)
            checkpoint.save(path, arrays, meta)
        except (MinivitError, UnicodeError, ValueError):
            return "accepted"  # it cannot be crafted
        try:
            trained = minivit.load(path)
            trained.predict(np.zeros((1, *trained.config.image_shape), np.uint8), workers=1)
            if chance.random() < RUN_SHARE:
                load_part(trained, "val", say=lambda line: None)
            if chance.random() < USED:
                return used(chance)
            if which >= WEIGHTS_ONLY:
                return "accepted"
            saved = SavedRun.read(path)
        except MinivitError as error:
            return sentence(str(error))
        if chance.random() < RUN_SHARE and saved.recipe.epochs <= 3:
            for name in ("metrics.jsonl", "best.npz"):
                (place / name).unlink(missing_ok=True)
            line = ["--resume", str(path), "--threads", "1", "--device", "cpu"]
            return quiet(program, ["train", *line])
        return "accepted"

    return attack


def _edit(chance, meta):
    places = list(leaves(meta))
    *parents, last = chance.choice(places)
    inner = meta
    for name in parents:
        inner = inner[name]
    if isinstance(inner, dict) and chance.random() < 0.15:
        del inner[last]
    else:
        inner[last] = copy.deepcopy(chance.choice(VALUES))
