"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28 pixels in ten classes, in IDX files.

An IDX file of bytes is

    0 0 | 8 | number of axes | length of each axis, 4 bytes, big-endian | the bytes, row by row

with three axes for images (N, H, W) and one for labels (N,). It may be gzipped. A file is read only
as far as its header says, and refused where that does not fit what is there. The data sets differ
in nothing but their content, so that is compared with the published one (`idx_published.py`).

Source of the format: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import hashlib
import math
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from . import download
from .idx_published import SETS, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from .streams import stream

SYSTEM = Path("/usr/share/datasets")  # where Debian's packages dataset-... put them
BYTES = 8  # the type of the numbers in these files
MOST = 1 << 26  # bytes of one file; the largest one has 47 million


def load(name, data_dir, say=print):
    """The data set `name` ("mnist" | "fashion-mnist") as a Dataset.

    From `data_dir` or the system's own directory of data sets; otherwise it is downloaded to
    `data_dir`. say: called with each line for the user. Raises DataError as `find`, `fetch` and
    `read` do.
    """
    return read(name, find(name, data_dir) or fetch(name, data_dir, say))


def find(name, data_dir):
    """The directory of data set `name` in `data_dir` or on the system; None if it is not there.

    `data_dir` may have the four files, or be where data sets are. Raises DataError where it has
    some of the four, or is a file.
    """
    path = Path(data_dir)
    if path.is_file():
        raise DataError(f"{path} is a file; name the directory of {SETS[name].title}'s four files.")
    folders = [path / folder for folder in SETS[name].folders]
    for place in (*folders, path, *(SYSTEM / folder for folder in SETS[name].folders)):
        missing = [file for file in SETS[name].files if _file(place, file) is None]
        if not missing:
            return place
        if len(missing) < 4 and place == path:
            raise DataError(
                f"{path} lacks {missing[0]}.gz; {SETS[name].title} has the four files "
                f"{', '.join(SETS[name].files)}, each with or without .gz."
            )
    return None


def recognise(path):
    """Whether the directory `path` holds the four files of such a data set."""
    return all(_file(Path(path), file) for file in SETS["mnist"].files)


def fetch(name, data_dir, say=print):
    """Download the four files, or those that are missing -> the directory that they are in.

    Raises `download.DownloadError` where no mirror delivers one of them.
    """
    known = SETS[name]
    directory = Path(data_dir) / known.folders[0]
    for file in known.files.values():
        if not (directory / file.archive).exists():
            urls = [mirror + file.archive for mirror in known.mirrors]
            download.fetch_file(known.title, urls, lambda url, file=file: file, directory, say)
    return directory


def read(name, path):
    """The data set `name` from the directory `path`, as a Dataset.

    Raises DataError if a file is damaged, of another data set, or does not go with the others.
    Valid files that differ from the published ones are accepted, and `note` says so.
    """
    known, parts, other = SETS[name], {}, False
    for file in known.files:
        where = _file(path, file)
        axes = 1 if file in (TRAIN_LABELS, TEST_LABELS) else 3
        parts[file], digest = _read_file(where, axes)
        _refuse_another(name, path, digest)
        other |= digest != known.files[file].unpacked
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        _check_labels(_file(path, labels), parts[images], parts[labels], len(known.classes))
    note = f"{path} is complete, but not the published {known.title}." if other else ""
    arrays = [
        part[..., None] if part.ndim == 3 else part.astype(np.int64) for part in parts.values()
    ]
    return Dataset(name, known.classes, *arrays, note=note)


def _file(directory, name):
    """The path of a file, gzipped or not; None if it is not there."""
    return next((p for p in (directory / f"{name}.gz", directory / name) if p.is_file()), None)


def _read_file(path, axes):
    """-> the array in an IDX file of bytes with so many axes, and the SHA-256 of its content."""
    try:
        with open(path, "rb") as file:
            source = stream(file)
            start = source.exactly(4)
            if start[:3] != bytes([0, 0, BYTES]) or start[3] != axes:
                raise DataError(
                    f"it begins with {start.hex(' ')}, and an IDX file of bytes with "
                    f"{axes} {'axis' if axes == 1 else 'axes'} with 00 00 08 {axes:02}"
                )
            lengths = source.exactly(4 * axes)
            shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
            if not 0 < math.prod(shape) <= MOST:
                raise DataError(f"its header says {' x '.join(map(str, shape))} numbers")
            data = source.exactly(math.prod(shape))
            if source.read(1):
                raise DataError("something follows its end")
    except (DataError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path} is damaged or no IDX file ({reason}); download it again."
        ) from None
    digest = hashlib.sha256(start + lengths)
    digest.update(data)
    return np.frombuffer(data, np.uint8).reshape(shape), digest.hexdigest()


def _refuse_another(name, path, digest):
    """Raise DataError if content with this SHA-256 is another data set's."""
    for other, known in SETS.items():
        if other != name and digest in (file.unpacked for file in known.files.values()):
            raise DataError(
                f"{path} holds {known.title}, not {SETS[name].title}; use --dataset {other} for "
                "it, or another --data-dir."
            )


def _check_labels(path, images, labels, classes):
    """Raise DataError unless there is a valid label for each image."""
    if len(images) != len(labels):
        raise DataError(f"{path} has {len(labels):,} labels for {len(images):,} images.")
    wrong = np.flatnonzero(labels >= classes)
    if wrong.size:
        raise DataError(
            f"{path}: image {wrong[0]} has label {labels[wrong[0]]}; valid are 0 to {classes - 1}."
        )
