"""An image file as the model sees it, and the label whose loss is explained."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import text
from ..data import image_files
from ..data.normalise import normalise
from ..errors import ConfigError
from ..models import refuse_without_blocks
from ..objective import Classification


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels (H, W, C) uint8, as the model takes them; file_size: (width, height) if not those."""

    name: str
    pixels: np.ndarray
    file_size: tuple | None = None

    @property
    def note(self):
        """How the file was fitted to the model, in words; "" if it was not."""
        if self.file_size is None:
            return ""
        width, height = self.file_size
        size = "{1} x {0}".format(*self.pixels.shape)
        return f"{width} x {height} pixels, fitted to {size}: resized, then the middle"


def require_classes(trained, model):
    """Raise ConfigError for a model without classes or blocks. model: as the user called it."""
    if trained.objective.name != Classification.name:
        raise ConfigError(
            f"{model} was trained for the objective {trained.objective.name!r}, and explain "
            "follows the loss of a classification."
        )
    refuse_without_blocks(trained.config, "explain")


def read(trained, file):
    """An image file -> `Picture`. Raises DataError, BackendError without Pillow."""
    with image_files.reading("images", trained.config.channels):
        size = trained.config.image_size
        pixels = image_files.read(file, size, trained.config.channels, trained.crop)
        from PIL import Image

        with Image.open(file) as image:
            file_size = image.size
    own = pixels.shape[1], pixels.shape[0]
    return Picture(Path(file).name, pixels, None if file_size == own else file_size)


def normalised(trained, pixels):
    """Pixels (H, W, C) uint8 -> floats as the model takes them."""
    return normalise(pixels[None], trained.mean, trained.std)[0]


def class_names(trained):
    """A name for each of the model's outputs."""
    return text.class_names(trained.classes, trained.config.classes)


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
    raise ConfigError(text.unknown("label", name, names))
