"""Files of every kind that is read: a sound one each, and how it is read.

To attack another kind of file, add it to `sound` and its reader to `READERS`.
"""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np

import minivit
from minivit import data
from minivit.data import image_files
from minivit.data.sources import cifar, pickles
from minivit.errors import MinivitError
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory

from . import mutate

IMAGES = 2  # in each of CIFAR's files here
CHECKPOINT = Path(__file__).resolve().parents[1] / "reliability" / "fixtures" / "format-1.npz"


def sound():
    """{name: content} of the files that the attack begins with."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 3072), dtype=np.uint8)
    batch = {"data": pixels, "labels": [3, 7], "filenames": ["a.png", "b.png"]}
    row = {"epoch": 1, "step": 4, "train_loss": 1.0, "val_accuracy": 0.5}
    result = {"test_loss": 1.0, "test_accuracy": 0.5}
    files = {
        "checkpoint.npz": CHECKPOINT.read_bytes(),
        "batch.pickle": pickle.dumps(batch, protocol=4),
        "metrics.jsonl": "\n".join(map(json.dumps, [row, result])).encode(),
    }
    for mode in ("w", "w:gz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=mode) as archive:
            for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
                info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                content = np.hstack([[[1], [2]], pixels]).astype(np.uint8).tobytes()
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        files["cifar.tar" + mode[1:].replace(":", ".")] = packed.getvalue()
    return files | _images(rng)


def _images(rng):
    """Images of every format; none without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return {}
    files = {}
    image = Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for name, options in {
        "image.png": {},
        "image.bmp": {},
        "image.jpg": {"exif": _exif()},
        "image.webp": {},
        "animation.png": {"save_all": True, "append_images": [other]},
        "animation.webp": {"save_all": True, "append_images": [other]},
    }.items():
        packed = io.BytesIO()
        image.save(packed, name.rpartition(".")[2].replace("jpg", "jpeg"), **options)
        files[name] = packed.getvalue()
    return files


def _exif():
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


EQUAL = "equal"  # what was read is what was saved


def _checkpoint(path):
    """What was saved, or an error; never other weights."""
    arrays, meta = checkpoint.load(path)
    wanted, wanted_meta = checkpoint.load(CHECKPOINT)
    if meta != wanted_meta or arrays.keys() != wanted.keys():
        raise AssertionError("other values were loaded than were saved")
    for name, array in wanted.items():
        if arrays[name].tobytes() != array.tobytes():
            raise AssertionError(f"other weights were loaded than were saved: {name}")
    minivit.load(path)
    return EQUAL


def _run(path):
    directory = RunDirectory(path.parent)
    directory.rows(), directory.result()


READERS = {  # ending: what reads such a file
    ".npz": _checkpoint,
    ".pickle": lambda path: pickles.read(path.read_bytes(), IMAGES, "labels", str(path)),
    ".jsonl": _run,
    ".tar": lambda path: data.load("cifar10", path),
    ".gz": lambda path: data.load("cifar10", path),
    **dict.fromkeys((".png", ".bmp", ".jpg", ".webp"), lambda path: image_files.read(path, 8)),
}


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    cifar.IMAGES_PER_FILE = IMAGES
    files = sound()
    contents = list(files.values())

    def attack(chance):
        name = chance.choice(list(files))
        path = place / name
        path.write_bytes(mutate.mutated(chance, files[name], contents))
        try:
            return "equal" if READERS[path.suffix](path) is EQUAL else "accepted"
        except MinivitError as error:
            return sentence(str(error))

    return attack


def sentence(text):
    """ "sentence", if it is one line that can be read."""
    if "\n" in text.strip() or not text.strip() or len(text) > 3000:
        raise AssertionError(f"not one sentence: {text[:500]!r}")
    return "sentence"
