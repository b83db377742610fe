"""CIFAR-10 and CIFAR-100: 60,000 photographs of 32 x 32 pixels in 10 or 100 classes.

In a binary file, an image is a label byte and 3072 bytes of pixels: the red plane, the green plane,
the blue plane, each row by row. In CIFAR-100 the label byte, called the fine label, follows a byte
for the coarse label, which is not used here. A pickle contains the same pixels as one array and
the same labels as one list. `published.py` lists names, sizes and checksums.
"""

import hashlib
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from . import archive, download, pickles
from .published import CLASSES, RELEASES, TITLES

# In each CIFAR-10 file and in CIFAR-100's test file; CIFAR-100's training file has five times that.
IMAGES_PER_FILE = 10_000
SIDE, PIXELS = 32, 32 * 32
COARSE_CLASSES = 20


def load(name, data_dir, say=print):
    """The data set `name` ("cifar10" | "cifar100") from `data_dir`, as a Dataset.

    Downloads it to `data_dir` if it is not there; `say` is called with each line for the user.
    Raises DataError as `find`, `download.fetch` and `read` do.
    """
    return read(name, find(name, data_dir) or download.fetch(name, data_dir, say))


def find(name, data_dir):
    """The path of data set `name` in `data_dir`, or None if it is not there.

    `data_dir` may contain the data set's folder or archive, or be that folder or that archive.
    Raises DataError if it has the name of an archive and does not exist.
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
    releases = [release for release in RELEASES if release.dataset == name]
    folders = [path / release.folder for release in releases]
    archives = [path / release.archive for release in releases]
    # An empty folder, left by an unpacking that was stopped, must not hide the archive.
    candidates = (p for p in folders + archives if p.is_file() or (p.is_dir() and recognise(p)))
    return next(candidates, None)


def recognise(path):
    """Which Release the directory or archive at `path` contains, or None.

    Decides by the names of its files, and reads an archive only up to the first known name.
    """
    releases = {file: release for release in RELEASES for file in release.files}
    return next((releases[name] for name in archive.names(path) if name in releases), None)


def read(name, path):
    """The data set `name` ("cifar10" | "cifar100") from a directory or an archive, as a Dataset.

    Raises DataError if a file is missing, damaged or belongs to another data set. Valid files that
    differ from the published bytes are accepted, and `note` says so.
    """
    release = recognise(path)
    if release is None:
        release = next(r for r in RELEASES if r.dataset == name)
        files = ", ".join(release.files)
        raise DataError(f"{path} contains none of {TITLES[name]}'s files ({files}).")
    if release.dataset != name:
        raise DataError(
            f"{path} looks like {TITLES[release.dataset]}, not {TITLES[name]}; "
            f"use --dataset {release.dataset} for it, or another --data-dir."
        )
    train, test, published = _read_files(release, path)
    note = "" if published else _note(release, path, train[1], test[1])
    return Dataset(name, CLASSES[name], *train, *test, note=note)


def _read_files(release, path):
    """-> (images, labels) of the training set, of the test set, and whether all are as published.

    They are as published if the archive's SHA-256 or the digest of every file is the right one.
    """
    counts = {file: IMAGES_PER_FILE for file in release.files}
    if release.dataset == "cifar100":
        counts[release.train[0]] = 5 * IMAGES_PER_FILE
    splits, parts = [], {}  # parts: file -> where its images and labels go
    for files in (release.train, (release.test,)):
        total = sum(counts[file] for file in files)
        images, labels = np.empty((total, SIDE, SIDE, 3), np.uint8), np.empty(total, np.int64)
        splits.append((images, labels))
        start = 0
        for file in files:
            stop = start + counts[file]
            parts[file] = images[start:stop], labels[start:stop]
            start = stop

    archive_as_published = _is_published_archive(release, path)
    files_as_published = True
    for file, blob in archive.read(path, release.folder, _sizes(release, counts)):
        if not archive_as_published:
            files_as_published &= _digest(blob, release.digests[file]) == release.digests[file]
        _decode(release, blob, *parts[file], f"{path}: {file}")
    return *splits, archive_as_published or files_as_published


def _sizes(release, counts):
    """{file: (least, most)} bytes. A pickle's size depends on the image names in it."""
    if release.label_bytes:
        exact = {file: n * (release.label_bytes + 3 * PIXELS) for file, n in counts.items()}
        return {file: (size, size) for file, size in exact.items()}
    pixels = {file: n * 3 * PIXELS for file, n in counts.items()}
    return {file: (size, size + size // 8 + 1_000_000) for file, size in pixels.items()}


def _is_published_archive(release, path):
    if Path(path).is_dir() or Path(path).stat().st_size != release.size:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == release.sha256


def _digest(blob, published):
    """The digest of `blob` by the algorithm that the digest `published` is of."""
    algorithm = {32: "md5", 40: "sha1"}[len(published)]
    return hashlib.new(algorithm, blob, usedforsecurity=False).hexdigest()


def _decode(release, blob, images, labels, where):
    """Write the content of one file into `images` (n, 32, 32, 3) and `labels` (n,)."""
    n = len(labels)
    if release.label_bytes:
        rows = np.frombuffer(blob, np.uint8).reshape(n, -1)
        classes, pixels = rows[:, release.label_bytes - 1], rows[:, release.label_bytes :]
        if release.label_bytes == 2:
            _check_labels(rows[:, 0], COARSE_CLASSES, where, "coarse label")
    else:
        key = "labels" if release.dataset == "cifar10" else "fine_labels"
        pixels, classes = pickles.read(blob, n, key, where)
    _check_labels(classes, len(CLASSES[release.dataset]), where, "label")
    labels[:] = classes
    planes = pixels.reshape(n, 3, PIXELS)
    interleaved = images.reshape(n, PIXELS, 3)
    for channel in range(3):
        interleaved[:, :, channel] = planes[:, channel]


def _check_labels(labels, classes, where, kind):
    # min and max of Python: a pickle's list may contain integers too large for NumPy.
    if min(labels) < 0 or max(labels) >= classes:
        index, label = next((i, v) for i, v in enumerate(labels) if not 0 <= v < classes)
        raise DataError(f"{where}: image {index} has {kind} {label}; valid are 0 to {classes - 1}.")


def _note(release, path, *labels):
    title, classes = TITLES[release.dataset], len(CLASSES[release.dataset])
    note = f"{path} is complete, but not the published {title} byte for byte"
    counts = [np.bincount(part, minlength=classes) for part in labels]
    if any(count.min() != count.max() for count in counts):
        note += ", and its classes are not equally frequent as they should be"
    return note + "."
