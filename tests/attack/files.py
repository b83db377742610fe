"""Files of every kind that is read, mutated, and how each is read.

To attack another kind of file, add a sound one to `sound.files` and its reader to `READERS`.
"""

import shutil
from types import SimpleNamespace

import minivit
from minivit import data, pretrained
from minivit.config import Config
from minivit.data import TargetFile, image_files
from minivit.data.sources import cifar, pickles, target_csv
from minivit.errors import MinivitError
from minivit.figures import curves
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training.recipe import Recipe
from minivit.training.resuming import same_run

from . import sound
from .mutate import mutated
from .repair import repaired

EQUAL = "equal"  # what was read is what was saved
BELOW = 0.5  # of the changes are made below the checksums


def _checkpoint(path):
    """What was saved, or an error; never other weights."""
    arrays, meta = checkpoint.load(path)
    wanted, wanted_meta = sound.loaded(path.with_name(f"sound-{path.name}"))
    if meta != wanted_meta or arrays.keys() != wanted.keys():
        raise AssertionError("other values were loaded than were saved")
    for name, array in wanted.items():
        if arrays[name].tobytes() != array.tobytes() or arrays[name].shape != array.shape:
            raise AssertionError(f"other weights were loaded than were saved: {name}")
    minivit.load(path)
    return EQUAL


def _run(path):
    """The rows of a run, as resuming and figures read them."""
    directory = RunDirectory(path.parent)
    directory.rows(), directory.result()
    curves.read(path)


def _config(path):
    """The description of a run, as resuming and figures read it."""
    meta = {"dataset": {"sha256": "0"}}
    saved = SimpleNamespace(meta=meta, config=Config(), recipe=Recipe())
    same_run(RunDirectory(path.parent), saved)
    curves.metrics_of(path)


READERS = {  # how the name ends: what reads such a file
    "published.npz": pretrained.load,
    ".safetensors": pretrained.load,
    ".npz": _checkpoint,
    "fine_labels.pickle": lambda path: pickles.read(path.read_bytes(), 2, "fine_labels", str(path)),
    "labels.pickle": lambda path: pickles.read(path.read_bytes(), 2, "labels", str(path)),
    "batch_3.bin": lambda path: data.load("cifar10", path.parent),
    "test.bin": lambda path: data.load("cifar100", path.parent),
    ".tar": lambda path: data.load("cifar10", path),
    ".gz": lambda path: data.load("cifar10", path),
    ".jsonl": _run,
    ".json": _config,
    ".csv": lambda path: target_csv.read(TargetFile(str(path))),
    **dict.fromkeys((".png", ".bmp", ".jpg", ".webp"), lambda path: image_files.read(path, 8)),
}


def reader(name):
    """What reads the file of that name."""
    return next(read for end, read in READERS.items() if name.endswith(end))


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    cifar.IMAGES_PER_FILE = sound.IMAGES
    files = sound.files(place)
    contents = list(files.values())
    for name, content in files.items():
        (place / name).parent.mkdir(exist_ok=True)
        if reader(name) is _checkpoint:
            (place / f"sound-{name}").write_bytes(content)
    for name in sound.BINARIES:
        (place / "cifar-10-batches-bin" / name).write_bytes(files[BATCH])
    # CIFAR-100's training file has five times as many images as its test file
    (place / "cifar-100-binary/train.bin").write_bytes(5 * files["cifar-100-binary/test.bin"])
    if (place / "exported/timm/config.json").exists():
        shutil.copy(place / "exported/timm/config.json", place / "timm")
    shutil.rmtree(place / "a-run", ignore_errors=True)
    names = list(files)

    def attack(chance):
        name = chance.choice(names)
        path = place / name
        change = (
            repaired if chance.random() < BELOW else lambda chance, name, *c: mutated(chance, *c)
        )
        path.write_bytes(change(chance, name, files[name], contents))
        try:
            return "equal" if reader(name)(path) is EQUAL else "accepted"
        except MinivitError as error:
            return sentence(str(error))

    return attack


BATCH = "cifar-10-batches-bin/data_batch_3.bin"


def sentence(text):
    """ "sentence", if it is one line that can be read."""
    if "\n" in text.strip() or not text.strip() or len(text) > 3000:
        raise AssertionError(f"not one sentence: {text[:500]!r}")
    return "sentence"
