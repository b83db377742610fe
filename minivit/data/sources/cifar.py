"""CIFAR-10 and CIFAR-100: 60,000 photographs of 32 x 32 pixels in 10 or 100 classes.

A binary record is a label byte (CIFAR-100: a coarse one, then the fine one that is used here)
and 3072 bytes of pixels: the red plane, the green, the blue, each row by row. The pickles hold
the same pixels and labels as one array and one list for each file. `published.py` has the facts.
"""

import hashlib
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from . import archive, pickles
from .published import CLASSES, FORMS, TITLES

# Images in each CIFAR-10 file and in CIFAR-100's test file; its training file has five times that.
RECORDS = 10_000
SIDE, PIXELS = 32, 32 * 32
COARSE = 20  # classes of CIFAR-100's first label byte


def find(name, data_dir):
    """The path of data set `name` in `data_dir`, or None where there is none.

    `data_dir` may hold the data set's folder or archive, or be that folder or that archive.
    """
    path = Path(data_dir)
    if path.is_file():
        return path
    if not path.is_dir():
        if path.name.endswith((".tar.gz", ".tgz", ".tar")):
            raise DataError(f"{path} does not exist.")
        return None
    if recognise(path):
        return path
    forms = [form for form in FORMS if form.dataset == name]
    places = [path / form.folder for form in forms] + [path / form.archive for form in forms]
    # A folder that someone began to unpack, with nothing in it, does not hide the archive.
    return next((p for p in places if p.is_file() or (p.is_dir() and recognise(p))), None)


def recognise(path):
    """Which published form the directory or archive at `path` holds, or None.

    Goes by the names of the files in it, and reads an archive no further than needed.
    """
    forms = {file: form for form in FORMS for file in form.files}
    return next((forms[name] for name in archive.names(path) if name in forms), None)


def load(name, path):
    """The data set `name` ("cifar10" | "cifar100") from a directory or an archive, as a Dataset.

    Raises DataError if a file is missing, damaged or another data set's. Files that are whole and
    sound but not the published bytes load, and `note` says so.
    """
    form = recognise(path)
    if form is None:
        form = next(f for f in FORMS if f.dataset == name)
        raise DataError(f"{path} holds none of {TITLES[name]}'s files ({', '.join(form.files)}).")
    if form.dataset != name:
        raise DataError(
            f"{path} looks like {TITLES[form.dataset]}, not {TITLES[name]}; "
            f"use --dataset {form.dataset} for it, or another --data-dir."
        )
    train, test, published = _read(form, path)
    note = "" if published else _note(form, path, train[1], test[1])
    return Dataset(name, CLASSES[name], *train, *test, note=note)


def _read(form, path):
    """Decode every file of the set into (images, labels) of train and of test.

    Also returns whether they are the published bytes: by the archive's SHA-256, or by every file.
    """
    records = {file: RECORDS for file in form.files}
    if form.dataset == "cifar100":
        records[form.train[0]] = 5 * RECORDS
    splits, slots = [], {}
    for files in (form.train, (form.test,)):
        count = sum(records[file] for file in files)
        images, labels = np.empty((count, SIDE, SIDE, 3), np.uint8), np.empty(count, np.int64)
        splits.append((images, labels))
        start = 0
        for file in files:
            stop = start + records[file]
            slots[file] = images[start:stop], labels[start:stop]
            start = stop

    whole = _is_published_archive(form, path)
    same = True
    for file, blob in archive.read(path, form.folder, _sizes(form, records)):
        if not whole:
            algorithm = {32: "md5", 40: "sha1"}[len(form.digests[file])]
            digest = hashlib.new(algorithm, blob, usedforsecurity=False).hexdigest()
            same = same and digest == form.digests[file]
        _decode(form, blob, *slots[file], f"{path}: {file}")
    return *splits, whole or same


def _sizes(form, records):
    """{file: (least, most)} bytes. A pickle's size varies with the names of the pictures in it."""
    if form.label_bytes:
        exact = {file: n * (form.label_bytes + 3 * PIXELS) for file, n in records.items()}
        return {file: (size, size) for file, size in exact.items()}
    pixels = {file: n * 3 * PIXELS for file, n in records.items()}
    return {file: (size, size + size // 8 + 1_000_000) for file, size in pixels.items()}


def _is_published_archive(form, path):
    if Path(path).is_dir() or Path(path).stat().st_size != form.size:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == form.sha256


def _decode(form, blob, images, labels, where):
    """Write one file's records into `images` (n, 32, 32, 3) and `labels` (n,)."""
    n = len(labels)
    if form.label_bytes:
        rows = np.frombuffer(blob, np.uint8).reshape(n, -1)
        found, pixels = rows[:, form.label_bytes - 1], rows[:, form.label_bytes :]
        if form.label_bytes == 2:
            _check_labels(rows[:, 0], COARSE, where, "coarse label")
    else:
        key = "labels" if form.dataset == "cifar10" else "fine_labels"
        pixels, found = pickles.read(blob, n, key, where)
    _check_labels(found, len(CLASSES[form.dataset]), where, "label")
    labels[:] = found
    planes = pixels.reshape(n, 3, PIXELS)
    interleaved = images.reshape(n, PIXELS, 3)
    for channel in range(3):
        interleaved[:, :, channel] = planes[:, channel]


def _check_labels(labels, classes, where, kind):
    # Python's own comparison first for a list: its integers may be too large for NumPy.
    if min(labels) < 0 or max(labels) >= classes:
        record, label = next((i, v) for i, v in enumerate(labels) if not 0 <= v < classes)
        raise DataError(
            f"{where}: record {record} has {kind} {label}; valid are 0 to {classes - 1}."
        )


def _note(form, path, *labels):
    note = f"{path} is complete, but not the published {TITLES[form.dataset]} byte for byte"
    counts = [np.bincount(part, minlength=len(CLASSES[form.dataset])) for part in labels]
    if any(count.min() != count.max() for count in counts):
        note += ", and its classes are not equally frequent as they should be"
    return note + "."
