"""A directory of image files as a data set: one subdirectory for each class.

    DIR/train/CLASS/*.png with DIR/test/CLASS/*.png (or DIR/val/...)       a given split
    DIR/CLASS/*.png                                                        a random split

For the random split, the files of each class are sorted by name and shuffled by the seed, and one
in five (at least one) goes to the test set. The same seed gives the same test set. Classes are the
names of the directories, sorted. Hidden files are ignored; files with other endings and directories
inside a class are left out and counted in `note`, as are animations, of which only the first frame
is used. `data/image_files.py` says which files are read, how they become images of `image_size`
pixels, and what `crop` is.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...text import counted
from .. import image_files
from ..dataset import Dataset
from ..image_files import ENDINGS

LAYOUT = "DIR/train/CLASS/*.png with DIR/test/CLASS/*.png, or DIR/CLASS/*.png"


def load(path, image_size=32, seed=0, crop=1.0, channels=3):
    """The images in the directory `path` as a Dataset.

    image_size: their side in pixels, or height and width; channels: 3 for colour, 1 for grey.

    Raises DataError with the name of the directory or file if a class has no images or too few,
    if there are fewer than two classes, if train and test have different classes, or if a file
    cannot be read; ConfigError if `image_size` is not positive; BackendError without Pillow.
    """
    (height, width), root = image_files.height_and_width(image_size), Path(path)
    with image_files.reading(f"the images in {path}", channels):
        given = (root / "train").is_dir() and bool(_directories(root / "train"))
        train, test, seen = _given_split(root) if given else _random_split(root, seed)
        images = [
            array
            for part in (train, test)
            for array in _decode(part, (height, width), channels, crop, seen.animations)
        ]
    lines = [f"each image is resized to {height} x {width} pixels (--image-size)."]
    if not given:
        lines.append("it has no train and test: one image in five of each class is for the test.")
    note = "\n".join(f"{path}: {line}" for line in [*lines, *seen.lines()])
    files = {"train_files": _names(train, root), "test_files": _names(test, root)}
    return Dataset(root.resolve().name, tuple(train), *images, note, divided=not given, **files)


@dataclass
class _Seen:
    """What was found and is not used as it is: files left out, directories, animations."""

    others: list = field(default_factory=list)
    directories: list = field(default_factory=list)
    animations: list = field(default_factory=list)

    def lines(self):
        """A line for each kind that there is."""
        if self.others:
            were = "was" if len(self.others) == 1 else "were"
            count = counted(len(self.others), "file")
            yield f"{count} not named {', '.join(ENDINGS)} {were} left out."
        if self.directories:
            count = f"{len(self.directories):,} directories inside classes"
            count = "1 directory inside a class" if len(self.directories) == 1 else count
            first = "/".join(self.directories[0].parts[-2:])
            yield (
                f"{count} ({first}) left out, with all images in it: "
                "images must lie directly in their class's directory."
            )
        if self.animations:
            count, first = counted(len(self.animations), "animation"), self.animations[0].name
            yield f"of {count} ({first}) only the first frame is used."


def _given_split(root):
    """-> training files and test files, each {class: files}, and what else was seen."""
    other = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if other is None:
        raise DataError(f"{root} has train/ but neither test/ nor val/; expected {LAYOUT}.")
    seen = _Seen()
    train, test = _classes(root / "train", seen), _classes(other, seen)
    differing = sorted(train.keys() ^ test.keys())
    if differing:
        has, lacks = (root / "train", other) if differing[0] in train else (other, root / "train")
        raise DataError(f"{has} has the class {differing[0]!r} and {lacks} has not.")
    return train, test, seen


def _random_split(root, seed):
    """The same for a directory without train/ and test/: one file in five is for testing."""
    seen, train, test = _Seen(), {}, {}
    classes = _classes(root, seen)
    for index, (name, files) in enumerate(classes.items()):
        if len(files) < 2:
            raise DataError(
                f"{root / name} has a single image; a split into train and test needs two."
            )
        order = np.random.default_rng([seed, index]).permutation(len(files))
        count = max(1, round(len(files) / 5))
        test[name] = [files[i] for i in sorted(order[:count])]
        train[name] = [files[i] for i in sorted(order[count:])]
    return train, test, seen


def _classes(directory, seen):
    """{class: its image files, sorted}; what else is there, hidden files apart, goes to `seen`."""
    classes = {}
    for folder in _directories(directory):
        files = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".")]
        directories = [f for f in files if f.is_dir()]
        files = sorted(set(files) - set(directories))
        images = [f for f in files if f.suffix.lower() in ENDINGS]
        if not images:
            only = f", only the directory {directories[0].name}" if directories else ""
            raise DataError(
                f"{folder} has no images ({', '.join(ENDINGS)}){only}; expected {LAYOUT}."
            )
        classes[folder.name] = images
        seen.directories += directories
        seen.others += [f for f in files if f.suffix.lower() not in ENDINGS]
    if not classes:
        raise DataError(f"{directory} has no images in class directories; expected {LAYOUT}.")
    if len(classes) == 1:
        raise DataError(f"{directory} has a single class, {next(iter(classes))!r}; two are needed.")
    return classes


def _names(classes, root):
    """The place in `root` of each file of {class: files}, in the order of the images."""
    return tuple(str(f.relative_to(root)) for files in classes.values() for f in files)


def _directories(directory):
    return [d for d in sorted(directory.iterdir()) if d.is_dir() and not d.name.startswith(".")]


def _decode(classes, size, channels, crop, animations):
    """{class: files} as images (N, *size, channels) uint8 and labels (N,) int64."""
    images = np.empty((sum(map(len, classes.values())), *size, channels), np.uint8)
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
    files = [file for files in classes.values() for file in files]
    for index, file in enumerate(files):
        images[index] = image_files.read(file, size, channels, crop, animations)
    return images, labels.astype(np.int64)
