"""A directory of image files with targets in a CSV file, as a data set.

    DIR/train/0007de18844b0dbbb5e1f607da0606e0.jpg          anywhere in DIR or below
    FILE.csv                                                see `target_csv.py`

A name in the file is an image's path in DIR, or its file's name, each with or without the ending.
Images without a row are left out and counted. The rows are sorted by name and shuffled by the seed;
the test set is every fifth of them, or as `TargetFile.fold` says. The folds of one number of folds
have no image in common, and all images together.

Source of the layout: "PetFinder.my - Pawpularity Contest" (Kaggle, 2021).
"""

from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError
from ...text import counted, quoted
from .. import image_files
from ..dataset import Dataset
from . import target_csv


def load(path, targets, image_size=32, seed=0, crop=1.0, channels=3):
    """The images in the directory `path` that the `TargetFile` names, as a Dataset.

    Raises DataError for what is missing or damaged, in DIR or in the file; ConfigError for a column
    or a fold that is not there; BackendError without Pillow.
    """
    rows, columns, values = target_csv.read(targets)
    with image_files.reading(f"the images in {path}", channels):
        files, left_out = _files(Path(path), rows, targets.path)
        order = np.argsort(list(rows), kind="stable")
        train, test = split(len(order), targets.fold, targets.folds, seed)
        parts, animations = [], []
        for part in (order[train], order[test]):
            images = [
                image_files.read(files[i], image_size, channels, crop, animations) for i in part
            ]
            parts += [np.stack(images), np.ascontiguousarray(values[part])]
    height, width = image_files.height_and_width(image_size)
    notes = [f"each image is resized to {height} x {width} pixels (--image-size)."]
    if left_out:
        notes.append(f"{counted(left_out, 'image')} without a row in {targets.path} left out.")
    if animations:
        count = counted(len(animations), "animation")
        notes.append(f"of {count} ({animations[0].name}) only the first frame is used.")
    if targets.folds != 5 or targets.fold != 1:
        notes.append(f"the test set is fold {targets.fold} of {targets.folds}.")
    note = "\n".join(f"{path}: {line}" for line in notes)
    return Dataset(
        Path(path).resolve().name, (), *parts, note=note, target_names=columns, divided=True
    )


def split(count, fold, folds, seed):
    """Which of `count` rows are for training, and which for the test: sorted indices.

    Raises ConfigError for a fold that is not there.
    """
    if count < 2:
        raise ConfigError(f"{counted(count, 'image')} cannot be cut into folds: give at least two.")
    if not 1 <= fold <= folds or not 2 <= folds <= count:
        raise ConfigError(
            f"--fold {fold}/{folds}: it must be one of 1/{folds} to {folds}/{folds}, and of "
            f"{counted(count, 'image')} there can be 2 to {count} folds."
        )
    order = np.random.default_rng(seed).permutation(count)
    test = order[fold - 1 :: folds]
    return np.setdiff1d(order, test), np.sort(test)


def _files(root, rows, table):
    """The file of each row's image, and how many images have no row."""
    found, _ = image_files.find([root])
    by_path, by_name = {}, {}
    for file in found:
        inside = file.relative_to(root)
        for name in (inside.as_posix(), inside.with_suffix("").as_posix()):
            by_path.setdefault(name, []).append(file)
        for name in (file.name, file.stem):
            by_name.setdefault(name, []).append(file)
    places = {name: by_path.get(name) or by_name.get(name, []) for name in rows}
    missing = [name for name in rows if not places[name]]
    if missing:
        raise DataError(
            f"{table}: {counted(len(missing), 'image')} of {len(rows):,} not found in {root} (the "
            f"first: {quoted(missing[0])}, row {rows[missing[0]]}); name the directory that has "
            "them, or take out the rows."
        )
    for name, files in places.items():
        if len(files) > 1:
            one, other = (file.relative_to(root) for file in files[:2])
            raise DataError(
                f"{table}, row {rows[name]}: {quoted(name)} may be {one} or {other}; write the "
                "image's path into the table."
            )
    files = [places[name][0] for name in rows]
    if len(set(files)) < len(files):
        names = {}
        for name, file in zip(rows, files, strict=True):
            if file in names:
                raise DataError(
                    f"{table}, row {rows[name]}: {quoted(name)} is the image of row "
                    f"{rows[names[file]]} too ({file.relative_to(root)}); each image needs one row."
                )
            names[file] = name
    return files, len(found) - len(set(files))
