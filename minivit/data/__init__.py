"""Images to train on.

sources/       where images come from: CIFAR, MNIST, built-in pictures, a directory of files
target_file.py which targets the images of a directory have
image_files.py from an image file to an array; for training and for prediction
dataset.py     what every source returns
augment/       random changes of the training images
batches.py     which images make a batch, and preparing batches in advance
resize.py      images in memory at another size
normalise.py   from bytes to floats of mean 0 and standard deviation 1

`load` is the door to all of it. A new data set is a file in sources/ and a line of SOURCES.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, DataError
from ..text import unknown
from .dataset import Dataset
from .sources.published import TITLES
from .target_file import TargetFile

__all__ = ["NAMES", "SOURCES", "Dataset", "TargetFile", "directory", "load"]


class Request(NamedTuple):
    """The arguments of `load`, as a source receives them."""

    data_dir: Path
    say: Callable[[str], object]
    seed: int
    image_size: int | tuple[int, int]
    crop: float
    channels: int
    targets: TargetFile | None = None


class Source(NamedTuple):
    """A data set that has a name: how to load it, and whether its files are in `data_dir`."""

    load: Callable[[Request], Dataset]
    in_data_dir: bool = True


def _source(file):
    """The module sources/`file`.py: imported here, as most programs need one source or none."""
    return import_module(f".sources.{file}", __package__)


def _what_there_is(request):
    try:
        return SOURCES["cifar10"].load(request)
    except _source("download").DownloadError as error:
        what = error.what
    idx = _source("idx")
    if place := idx.find("fashion-mnist", request.data_dir):
        request.say(f"{what}: using Fashion-MNIST in {place} instead.")
        return idx.read("fashion-mnist", place)
    request.say(f"{what}: using the built-in shapes instead.")
    return SOURCES["shapes"].load(request)


SOURCES = {
    "auto": Source(_what_there_is),
    "cifar10": Source(lambda r: _source("cifar").load("cifar10", r.data_dir, r.say)),
    "cifar100": Source(lambda r: _source("cifar").load("cifar100", r.data_dir, r.say)),
    "mnist": Source(lambda r: _source("idx").load("mnist", r.data_dir, r.say)),
    "fashion-mnist": Source(lambda r: _source("idx").load("fashion-mnist", r.data_dir, r.say)),
    "shapes": Source(lambda r: _source("shapes").load(seed=r.seed), in_data_dir=False),
    "places": Source(lambda r: _source("places").load(seed=r.seed), in_data_dir=False),
}
NAMES = tuple(SOURCES)


def load(
    name: str,
    data_dir: str | os.PathLike | None = None,
    say: Callable[[str], object] = print,
    seed: int = 0,
    image_size: int | tuple[int, int] = 32,
    crop: float = 1.0,
    channels: int = 3,
    targets: TargetFile | None = None,
) -> Dataset:
    """The data set `name` as a Dataset.

    name        "cifar10" | "cifar100": from `data_dir`; downloaded to it if it is not there
                "mnist" | "fashion-mnist": the same, or from /usr/share/datasets
                "shapes", "places": built-in sets, drawn from `seed`
                "auto": CIFAR-10 if it is in `data_dir` or can be downloaded, else Fashion-MNIST if
                it is on this machine, else shapes
                a directory: its images, of `image_size` pixels a side, or height and width, and
                of 1 or 3 `channels` (see sources/folder.py); with `crop` below 1 a margin is cut
                off (see image_files.py)
    data_dir    a directory that contains a data set's folder or archive, or such a folder or
                archive itself; by default the environment variable MINIVIT_DATA, or else "data"
    say         called with each line of text for the user
    targets     a directory's CSV file, with numbers or labels for each image; then the directory
                has no classes (see sources/targets.py)

    Raises DataError if the data is missing or damaged ("auto" also stops at damaged files),
    ConfigError if `name` is neither a known name nor a directory, BackendError if a library that
    the source needs is not installed.
    """
    request = Request(directory(data_dir), say, seed, image_size, crop, channels, targets)
    if name in SOURCES:
        if targets:
            raise ConfigError(f"--targets goes with --dataset DIR, a directory, not with {name}.")
        return SOURCES[name].load(request)
    return _load_folder(name, request)


def directory(data_dir: str | os.PathLike | None = None) -> Path:
    """Where data sets are, or are downloaded to: `data_dir`, or else $MINIVIT_DATA, or "data"."""
    return Path(data_dir or os.environ.get("MINIVIT_DATA") or "data").expanduser()


def _load_folder(name, request):
    path = Path(name).expanduser()
    if path.is_file():
        raise DataError(
            f"{path} is a file, not a directory of images; if it is an archive of CIFAR, use "
            f"--dataset cifar10 --data-dir {path}."
        )
    if not name or not path.is_dir():
        raise ConfigError(unknown("data set", name, [*NAMES, "or a directory of images"]))
    r = request
    if r.targets:
        load = _source("targets").load
        return load(path, r.targets, r.image_size, r.seed, r.crop, r.channels)
    release = _source("cifar").recognise(path)
    if release:
        dataset = release.dataset
        raise DataError(
            f"{path} contains {TITLES[dataset]}: use --dataset {dataset} --data-dir {path}."
        )
    if _source("idx").recognise(path):
        raise DataError(
            f"{path} contains IDX files: use --dataset fashion-mnist --data-dir {path}, or mnist."
        )
    return _source("folder").load(path, r.image_size, r.seed, r.crop, r.channels)
