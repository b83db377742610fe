"""Accuracy on shifted images: how much a model depends on where things are.

An image is moved by some pixels, and what leaves it on one side comes in on the other. A model of
patches without positions cannot see a shift by whole patches; with positions it has to learn from
shifted images that a shift changes nothing. Convolutions move with the image, pixel by pixel, but
at the border.
"""

from dataclasses import dataclass

import numpy as np

from ..config import pair
from ..errors import ConfigError
from ..objective import Classification

DIRECTIONS = {"right": (0, 1), "down": (1, 0), "diagonal": (1, 1)}  # rows, columns


@dataclass(frozen=True)
class ShiftCurve:
    """A model on shifted images: for each of `pixels`, a share of the `count` images in 0..1.

    accuracy: whose class is found; same: whose predicted class is that without a shift.
    """

    name: str
    patch_size: int | tuple[int, int]
    pixels: tuple[int, ...]
    accuracy: tuple[float, ...]
    same: tuple[float, ...]
    count: int
    direction: str = "right"

    def whole_patches(self, pixels):
        """Whether a shift by so many pixels is one by whole patches."""
        steps = zip(DIRECTIONS[self.direction], pair(self.patch_size), strict=True)
        return all(step * pixels % side == 0 for step, side in steps)


def shifted(images, pixels, direction="right"):
    """images (B, H, W, C) moved cyclically by so many pixels."""
    rows, columns = DIRECTIONS[direction]
    return np.roll(images, (rows * pixels, columns * pixels), axis=(1, 2))


def shift_curve(name, trained, images, labels, pixels, direction="right", done=None,
                workers=None):  # fmt: skip
    """A `Trained` on images (B, H, W, C) uint8, shifted by each of `pixels` -> ShiftCurve.

    done: called after each shift; workers: as in `Trained.predict`. Raises ConfigError for another
    objective than classification.
    """
    if not isinstance(trained.objective, Classification):
        raise ConfigError(f"{name} does not classify; it was trained for {trained.objective.name}")
    still = trained.outputs(images, workers).argmax(axis=1)
    accuracy, same = [], []
    for shift in pixels:
        found = trained.outputs(shifted(images, shift, direction), workers).argmax(axis=1)
        accuracy.append(float((found == labels).mean()))
        same.append(float((found == still).mean()))
        if done:
            done()
    size = trained.config.patch_size
    return ShiftCurve(name, size, tuple(pixels), tuple(accuracy), tuple(same), len(images),
                      direction)  # fmt: skip
