"""RandAugment: a few random operations on every picture.

It draws from a table of fourteen operations and knows nothing of the data: no policy is searched
for. A batch is treated operation by operation, each on the group of pictures that drew it, so the
work is a few dozen calls on arrays however large the batch. Random numbers come from a host
generator and positions are whole numbers, so NumPy and CuPy give the same bytes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...arrays.backend import array_module, to_device
from ...errors import ConfigError
from . import colour, geometry

LEVELS = 30  # magnitudes are 0..30


class Operation(NamedTuple):
    """What one operation does: apply(planes (C, B, H, W), strength (B,) on the host) -> planes.

    limit   the strength at magnitude 30: AutoAugment's own limit
    signed  whether the strength goes to either side, by the toss of a coin
    """

    apply: Callable
    limit: float = 0.0
    signed: bool = False


OPERATIONS = {
    "identity": Operation(colour.identity),
    "autocontrast": Operation(colour.autocontrast),
    "equalize": Operation(colour.equalize),
    "rotate": Operation(geometry.rotate, 30, signed=True),  # degrees
    "solarize": Operation(colour.solarize, 1),  # share of the levels
    "color": Operation(colour.color, 0.9, signed=True),  # change of the factor 1
    "posterize": Operation(colour.posterize, 4),  # bits cleared
    "contrast": Operation(colour.contrast, 0.9, signed=True),
    "brightness": Operation(colour.brightness, 0.9, signed=True),
    "sharpness": Operation(colour.sharpness, 0.9, signed=True),
    "shear_x": Operation(geometry.shear_x, 0.3, signed=True),  # slope
    "shear_y": Operation(geometry.shear_y, 0.3, signed=True),
    # share of the side: 150 of 331 pixels, as published, is 14.5 of 32
    "translate_x": Operation(geometry.translate_x, 150 / 331, signed=True),
    "translate_y": Operation(geometry.translate_y, 150 / 331, signed=True),
}


def rand_augment(images, rng, count=2, magnitude=9):
    """`count` random operations in turn for each picture, all of one magnitude.

    images (B, H, W, C) uint8 with C 1 or 3, rng a NumPy Generator -> the same shape, a new array.
    magnitude is on the scale 0..30, where 30 is AutoAugment's limit; for a 9 on a scale 0..10,
    give 27. The operations of a picture are drawn anew each time; the same one may come twice.
    Raises ConfigError for a magnitude outside 0..30, a count below 0 and another C.

    Source: Cubuk et al. 2020, arXiv:1909.13719, section 3.
    """
    if not 0 <= magnitude <= LEVELS:
        raise ConfigError(f"magnitude must be a number in 0..{LEVELS}; got {magnitude!r}")
    if count < 0:
        raise ConfigError(f"count must not be negative; got {count!r}")
    planes = _planes(images)
    for _ in range(count):
        planes = _one_each(planes, magnitude / LEVELS, rng)
    return _images(planes)


def _one_each(planes, level, rng):
    """A random operation on each picture of (C, B, H, W) at `level`, in 0..1 of its limit."""
    xp, count = array_module(planes), planes.shape[1]
    drawn = rng.integers(0, len(OPERATIONS), count)
    sign = 1 - 2 * rng.integers(0, 2, count)
    out = xp.empty_like(planes)
    for k, operation in enumerate(OPERATIONS.values()):
        group = np.flatnonzero(drawn == k)
        if len(group):
            strength = np.full(len(group), level * operation.limit)
            if operation.signed:
                strength *= sign[group]
            group = to_device(group, xp)
            out[:, group] = operation.apply(planes.take(group, axis=1), strength)
    return out


def _planes(images):
    """(B, H, W, C) -> (C, B, H, W): each colour in one piece, where NumPy is far faster."""
    if images.shape[3] not in (1, 3):
        raise ConfigError(
            f"a policy needs pictures of 1 or 3 channels, grey or colour; got {images.shape[3]}"
        )
    return array_module(images).ascontiguousarray(images.transpose(3, 0, 1, 2))


def _images(planes):
    """(C, B, H, W) -> (B, H, W, C)."""
    return array_module(planes).stack(list(planes), axis=-1)
