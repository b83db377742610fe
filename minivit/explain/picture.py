"""An image file as the model sees it, and the label whose loss is explained."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data import image_files
from ..data.normalise import normalise
from ..errors import ConfigError
from ..objective import Classification
from ..text import unknown


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels (H, W, C) uint8, of the model's size; note: how the file's was fitted to it, or ""."""

    name: str
    pixels: np.ndarray
    note: str = ""


def require_classes(trained, model):
    """Raise ConfigError for a model without classes. model: how the user called it."""
    if trained.objective.name != Classification.name:
        raise ConfigError(
            f"{model} was trained for the objective {trained.objective.name!r}, and explain "
            "follows the loss of a classification."
        )


def read(trained, file):
    """An image file -> `Picture`. Raises DataError, BackendError without Pillow."""
    with image_files.reading("images", trained.config.channels):
        size = trained.config.image_size
        pixels = image_files.read(file, size, trained.config.channels, trained.crop)
        from PIL import Image

        with Image.open(file) as image:
            width, height = image.size
    note = ""
    wanted = pixels.shape[1], pixels.shape[0]
    if (width, height) != wanted:
        fitted = f"fitted to {wanted[0]} x {wanted[1]}: resized, then the middle"
        note = f"{width} x {height} pixels, {fitted}"
    return Picture(Path(file).name, pixels, note)


def normalised(trained, pixels):
    """Pixels (H, W, C) uint8 -> floats as the model takes them."""
    return normalise(pixels[None], trained.mean, trained.std)[0]


def class_names(trained):
    """A name for each of the model's outputs."""
    return trained.classes or tuple(f"class {i}" for i in range(trained.config.classes))


def label_number(trained, name):
    """The number of a class, by its name or its number; None for None. Raises ConfigError."""
    names = class_names(trained)
    if name is None:
        return None
    folded = [each.casefold() for each in names]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise ConfigError(unknown("label", name, names))
