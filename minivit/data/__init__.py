"""Images to train on: CIFAR-10 and CIFAR-100, a built-in set, any directory of pictures.

`load` is the one door. What it returns is a `Dataset`: uint8 images, channels last, and labels.
"""

import os
from pathlib import Path

from ..errors import ConfigError, DataError
from ..text import unknown
from .dataset import Dataset
from .sources.published import TITLES

__all__ = ["NAMES", "Dataset", "directory", "load"]

NAMES = ("auto", "cifar10", "cifar100", "shapes")


def load(name, data_dir=None, say=print, seed=0, image_size=32):
    """The data set `name` as a Dataset.

    name        "cifar10" | "cifar100": from `data_dir`, downloaded to it where absent
                "shapes": the built-in set, drawn from `seed`
                "auto": CIFAR-10 if it is there or can be downloaded, else shapes
                a directory: its pictures, `image_size` pixels square (see folder.py)
    data_dir    a directory that holds a CIFAR folder or archive, or one of these itself;
                by default the environment's MINIVIT_DATA, or else "data"
    say         called with each line there is to tell

    Raises DataError if the data is missing or damaged (also under "auto": damaged files are not
    passed over in silence), ConfigError for a name that is neither known nor a directory.
    """
    data_dir = directory(data_dir)
    if name == "shapes":
        return _shapes(seed)
    if name in TITLES:
        return _cifar(name, data_dir, say)
    if name == "auto":
        return _cifar("cifar10", data_dir, say, otherwise=lambda: _shapes(seed))
    return _folder(name, image_size, seed)


def directory(data_dir=None):
    """Where CIFAR is or goes: `data_dir`, or else $MINIVIT_DATA, or else data."""
    return Path(data_dir or os.environ.get("MINIVIT_DATA") or "data").expanduser()


def _shapes(seed):
    from .sources import shapes

    return shapes.load(seed=seed)


def _cifar(name, data_dir, say, otherwise=None):
    """CIFAR from disk, else downloaded, else `otherwise()` if there is one."""
    from .sources import cifar, download

    path = cifar.find(name, data_dir)
    if path is None:
        try:
            path = download.fetch(name, data_dir, say)
        except download.DownloadError as error:
            if otherwise is None:
                raise
            say(f"{error.what}: using the built-in shapes instead.")
            return otherwise()
    return cifar.load(name, path)


def _folder(name, image_size, seed):
    from .sources import cifar, folder

    path = Path(name).expanduser()
    if path.is_file():
        raise DataError(
            f"{path} is a file, not a directory of images; an archive of CIFAR is given as "
            f"--dataset cifar10 --data-dir {path}."
        )
    if not name or not path.is_dir():
        raise ConfigError(unknown("data set", name, [*NAMES, "or a directory of images"]))
    form = cifar.recognise(path)
    if form:
        raise DataError(
            f"{path} holds {TITLES[form.dataset]}: use --dataset {form.dataset} --data-dir {path}."
        )
    return folder.load(path, image_size, seed)
