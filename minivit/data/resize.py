"""Images in memory at another size: the same bytes as Pillow's bicubic resizing, on any machine.

Weights are whole numbers of 2^-22, as in Pillow, so sums are exact and do not depend on the matrix
library. First the rows become shorter or longer, then the columns, each rounded to bytes.
"""

from dataclasses import replace

import numpy as np

from ..arrays.interpolation import bicubic_antialiased
from ..errors import ConfigError
from ..text import printable
from .augment.colour import grey

ONE = 1 << 22
CHUNK = 1 << 22  # bytes of images at once


def resized(images, size):
    """images (N, H, W, C) uint8 -> (N, *size, C) uint8: bicubic, over more pixels if smaller."""
    (n, height, width, channels), (new_height, new_width) = images.shape, size
    out = np.empty((n, *size, channels), np.uint8)
    across, down = _whole(width, new_width), _whole(height, new_height)
    count = max(1, CHUNK // (height * max(width, new_width) * channels))
    for start in range(0, n, count):
        x = images[start : start + count]
        if new_width != width:
            x = _along_last(x.swapaxes(2, 3), across).swapaxes(2, 3)
        if new_height != height:
            x = _along_last(x.transpose(0, 2, 3, 1), down).transpose(0, 3, 1, 2)
        out[start : start + count] = x
    return out


def in_channels(images, channels):
    """images (N, H, W, C) uint8, grey or in three colours -> the same with 1 or 3 channels.

    Three colours become grey as Pillow's "L" (ITU-R 601), grey three equal colours. Raises
    ConfigError for other numbers of channels.
    """
    has = images.shape[-1]
    if has == channels:
        return images
    if {has, channels} != {1, 3}:
        raise ConfigError(f"images of {has} channels cannot be made such of {channels}")
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    out = np.empty((*images.shape[:-1], 1), np.uint8)
    for start in range(0, len(images), 1000):
        planes = images[start : start + 1000].transpose(3, 0, 1, 2)
        out[start : start + 1000, ..., 0] = grey(planes)
    return out


def at_size(dataset, size):
    """A `Dataset` with its images resized to `size`, height and width.

    Raises ConfigError where the targets tell of pixels, which would then be others.
    """
    refuse_placed(dataset)
    images = {f"{of}_images": resized(getattr(dataset, f"{of}_images"), size)
              for of in ("train", "test")}  # fmt: skip
    height, width = dataset.train_images.shape[1:3]
    line = f"{dataset.name}: images resized from {height} x {width} to {size[0]} x {size[1]} pixels"
    return replace(dataset, **images, note="\n".join(filter(None, [dataset.note, line])))


def refuse_placed(dataset):
    """Raise ConfigError for a data set whose images must keep their size."""
    if dataset.placed:
        raise ConfigError(
            f"{printable(dataset.name)}: its targets tell of pixels, so its images cannot be "
            "resized; leave out --image-size"
        )


def _whole(old, new):
    """The weights in units of 2^-22, rounded as Pillow does, (old, new) float64."""
    weights = bicubic_antialiased(old, new).T * ONE
    return np.trunc(weights + np.copysign(0.5, weights))


def _along_last(x, weights):
    """x (..., old) uint8 -> (..., new) uint8."""
    sums = x.reshape(-1, x.shape[-1]).astype(np.float64) @ weights
    sums += ONE / 2
    sums = np.floor(sums / ONE).clip(0, 255).astype(np.uint8)
    return sums.reshape(*x.shape[:-1], -1)
