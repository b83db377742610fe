"""Checkpoints whose values were edited and whose hash is right: loaded, and gone on with."""

import copy

import minivit
from minivit.errors import MinivitError
from minivit.storage import checkpoint
from minivit.training.saved_run import SavedRun

from .files import CHECKPOINT, sentence
from .lines import program, quiet

VALUES = [
    None, True, False, 0, 1, 2, 3, -1, 7, 2**31, 2**53, 2**63, 2**70, 10**300, 0.0, 0.5, -0.5,
    1e-300, 1e300, "", "a", "\0", "\n", "a" * 5000, "../../x", "\ud800", "cpu", "gpu", "shapes",
    [], [1], [[]], ["a"] * 3, [0.5] * 3, [1e300] * 3, {}, {"a": 1}, {"count": 1},
]  # fmt: skip
RUN_SHARE = 0.1  # of the attacks that also train; the others only load


def leaves(values, place=()):
    """The places of all values inside, branches too."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for name, value in items:
        yield (*place, name)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*place, name))


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    program()
    arrays, sound = checkpoint.load(CHECKPOINT)
    # a run on a data set that is there: its images are others, which is the last thing refused
    sound["source"]["dataset"] = "shapes"
    path = place / "last.npz"

    def attack(chance):
        meta = copy.deepcopy(sound)
        for _ in range(chance.choice((1, 1, 2))):
            _edit(chance, meta)
        try:
            write(path, arrays, meta)
        except (MinivitError, UnicodeError, ValueError):
            return "accepted"  # it cannot be crafted
        try:
            trained = minivit.load(path)
            trained.predict(_blank(trained.config), workers=1)
            saved = SavedRun.read(path)
        except MinivitError as error:
            return sentence(str(error))
        if chance.random() < RUN_SHARE and saved.recipe.epochs <= 3:
            return quiet("train", ["--resume", str(path), "--threads", "1", "--device", "cpu"])
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


def write(path, arrays, meta):
    """Save the checkpoint as it is, without waiting for the disk."""
    path.unlink(missing_ok=True)
    checkpoint.save(path, arrays, meta)


def _blank(config):
    import numpy as np

    return np.zeros((1, config.image_size, config.image_size, config.channels), np.uint8)
