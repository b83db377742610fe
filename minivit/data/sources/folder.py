"""A directory of image files as a data set: one subdirectory for each class.

    DIR/train/CLASS/*.png with DIR/test/CLASS/*.png (or DIR/val/...)       a given split
    DIR/CLASS/*.png                                                        a random split

For the random split, the files of each class are sorted by name and shuffled by the seed, and one
in five (at least one) goes to the test set. The same seed gives the same test set. Classes are the
names of the directories, sorted. Hidden files are ignored; files with other endings are left out
and counted in `note`. `data/image_files.py` says which files are read, and how they become squares
of `image_size` pixels, and what `crop` is.
"""

from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError
from ...text import counted
from .. import image_files
from ..dataset import Dataset
from ..image_files import ENDINGS

LAYOUT = "DIR/train/CLASS/*.png with DIR/test/CLASS/*.png, or DIR/CLASS/*.png"


def load(path, image_size=32, seed=0, crop=1.0):
    """The images in the directory `path`, `image_size` pixels square, as a Dataset.

    Raises DataError with the name of the directory or file if a class has no images or too few,
    if there are fewer than two classes, if train and test have different classes, or if a file
    cannot be read; ConfigError if `image_size` is not positive; BackendError without Pillow.
    """
    if image_size < 1:
        raise ConfigError(f"image_size is {image_size}; it must be at least 1 pixel.")
    root = Path(path)
    with image_files.reading(f"the images in {path}"):
        if (root / "train").is_dir() and _directories(root / "train"):
            train, test, left_out = _given_split(root)
        else:
            train, test, left_out = _random_split(root, seed)
        images = [*_decode(train, image_size, crop), *_decode(test, image_size, crop)]
    note = f"{path}: each image is resized to {image_size} x {image_size} pixels (--image-size)."
    if left_out:
        files, were = counted(left_out, "file"), "was" if left_out == 1 else "were"
        note += f"\n{path}: {files} not named {', '.join(ENDINGS)} {were} left out."
    return Dataset(root.resolve().name, tuple(train), *images, note=note)


def _given_split(root):
    """-> training files and test files, each {class: files}, and the number of files left out."""
    other = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if other is None:
        raise DataError(f"{root} has train/ but neither test/ nor val/; expected {LAYOUT}.")
    (train, left_out_train), (test, left_out_test) = _classes(root / "train"), _classes(other)
    differing = sorted(train.keys() ^ test.keys())
    if differing:
        has, lacks = (root / "train", other) if differing[0] in train else (other, root / "train")
        raise DataError(f"{has} has the class {differing[0]!r} and {lacks} has not.")
    return train, test, left_out_train + left_out_test


def _random_split(root, seed):
    """The same for a directory without train/ and test/: one file in five is for testing."""
    classes, left_out = _classes(root)
    train, test = {}, {}
    for index, (name, files) in enumerate(classes.items()):
        if len(files) < 2:
            raise DataError(
                f"{root / name} has a single image; a split into train and test needs two."
            )
        order = np.random.default_rng([seed, index]).permutation(len(files))
        count = max(1, round(len(files) / 5))
        test[name] = [files[i] for i in sorted(order[:count])]
        train[name] = [files[i] for i in sorted(order[count:])]
    return train, test, left_out


def _classes(directory):
    """{class: its image files, sorted}, and the number of files left out (hidden ones apart)."""
    classes, left_out = {}, 0
    for folder in _directories(directory):
        files = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".")]
        images = [f for f in files if f.suffix.lower() in ENDINGS]
        if not images:
            raise DataError(f"{folder} has no images ({', '.join(ENDINGS)}); expected {LAYOUT}.")
        classes[folder.name] = images
        left_out += len(files) - len(images)
    if not classes:
        raise DataError(f"{directory} has no images in class directories; expected {LAYOUT}.")
    if len(classes) == 1:
        raise DataError(f"{directory} has a single class, {next(iter(classes))!r}; two are needed.")
    return classes, left_out


def _directories(directory):
    return [d for d in sorted(directory.iterdir()) if d.is_dir() and not d.name.startswith(".")]


def _decode(classes, size, crop):
    """{class: files} as images (N, size, size, 3) uint8 and labels (N,) int64."""
    images = np.empty((sum(map(len, classes.values())), size, size, 3), np.uint8)
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
    files = [file for files in classes.values() for file in files]
    for index, file in enumerate(files):
        images[index] = image_files.read(file, size, crop=crop)
    return images, labels.astype(np.int64)
