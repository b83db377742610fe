"""RandAugment and TrivialAugment: a few random operations on every picture.

Both draw from one table of fourteen operations and know nothing of the data: no policy is searched
for. A batch is treated operation by operation, each on the group of pictures that drew it, so the
work is a few dozen calls on arrays however large the batch. Random numbers come from a host
generator and positions are whole numbers, so NumPy and CuPy give the same bytes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..backend import array_module, to_device
from ..errors import ConfigError
from . import colour, geometry

LEVELS = 30  # magnitudes are 0..30


class Operation(NamedTuple):
    """What one operation does: apply(planes (C, B, H, W), strength (B,) on the host) -> planes.

    limit   the strength at magnitude 30 in RandAugment: AutoAugment's own limit
    wide    the same in TrivialAugment
    signed  whether the strength goes to either side, by the toss of a coin
    """

    apply: Callable
    limit: float = 0.0
    wide: float = 0.0
    signed: bool = False


OPERATIONS = {
    "identity": Operation(colour.identity),
    "autocontrast": Operation(colour.autocontrast),
    "equalize": Operation(colour.equalize),
    "rotate": Operation(geometry.rotate, 30, 135, signed=True),  # degrees
    "solarize": Operation(colour.solarize, 1, 1),  # share of the levels
    "color": Operation(colour.color, 0.9, 0.99, signed=True),  # change of the factor 1
    "posterize": Operation(colour.posterize, 4, 6),  # bits cleared
    "contrast": Operation(colour.contrast, 0.9, 0.99, signed=True),
    "brightness": Operation(colour.brightness, 0.9, 0.99, signed=True),
    "sharpness": Operation(colour.sharpness, 0.9, 0.99, signed=True),
    "shear_x": Operation(geometry.shear_x, 0.3, 0.99, signed=True),  # slope
    "shear_y": Operation(geometry.shear_y, 0.3, 0.99, signed=True),
    # share of the side: 150 of 331 pixels, as published, is 14.5 of 32; the wide limit 32 of 32
    "translate_x": Operation(geometry.translate_x, 150 / 331, 1, signed=True),
    "translate_y": Operation(geometry.translate_y, 150 / 331, 1, signed=True),
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
        planes = _one_each(planes, np.full(len(images), magnitude / LEVELS), rng, "limit")
    return _images(planes)


def trivial_augment(images, rng):
    """One random operation for each picture, at a magnitude of its own, drawn from 0, 1, .. 30.

    images (B, H, W, C) uint8 with C 1 or 3, rng a NumPy Generator -> the same shape, a new array.
    The limits are the wide ones of the paper. Raises ConfigError for another C.

    Source: Mueller & Hutter 2021, arXiv:2103.10158 (its "wide" space).
    """
    level = rng.integers(0, LEVELS + 1, len(images)) / LEVELS
    return _images(_one_each(_planes(images), level, rng, "wide"))


def _one_each(planes, level, rng, scale):
    """A random operation on each picture at `level` (B,) in 0..1 of the limit called `scale`."""
    xp = array_module(planes)
    drawn = rng.integers(0, len(OPERATIONS), len(level))
    sign = 1 - 2 * rng.integers(0, 2, len(level))
    out = xp.empty_like(planes)
    for k, operation in enumerate(OPERATIONS.values()):
        group = np.flatnonzero(drawn == k)
        if len(group):
            strength = level[group] * getattr(operation, scale)
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
