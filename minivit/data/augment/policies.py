"""RandAugment: a few random operations on every image.

The operations come from a table of fourteen; no policy is searched for. Each operation is applied
to the group of images that drew it, so a batch of any size takes a few dozen calls on arrays.
Random numbers come from a generator on the host and positions are integers, so NumPy and CuPy give
the same bytes.
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

    limit   the strength at magnitude 30, from AutoAugment
    signed  whether the strength is negated with probability 1/2
    """

    apply: Callable
    limit: float = 0.0
    signed: bool = False


OPERATIONS = {
    "identity": Operation(colour.identity),
    "autocontrast": Operation(colour.autocontrast),
    "equalize": Operation(colour.equalize),
    "rotate": Operation(geometry.rotate, 30, signed=True),  # degrees
    "solarize": Operation(colour.solarize, 1),  # fraction of the levels
    "color": Operation(colour.color, 0.9, signed=True),  # change of the factor 1
    "posterize": Operation(colour.posterize, 4),  # bits cleared
    "contrast": Operation(colour.contrast, 0.9, signed=True),
    "brightness": Operation(colour.brightness, 0.9, signed=True),
    "sharpness": Operation(colour.sharpness, 0.9, signed=True),
    "shear_x": Operation(geometry.shear_x, 0.3, signed=True),  # slope
    "shear_y": Operation(geometry.shear_y, 0.3, signed=True),
    # fraction of the side: 150 of 331 pixels, as published, is 14.5 of 32
    "translate_x": Operation(geometry.translate_x, 150 / 331, signed=True),
    "translate_y": Operation(geometry.translate_y, 150 / 331, signed=True),
}


def rand_augment(images, rng, count=2, magnitude=9):
    """Apply `count` random operations to each image, one after the other, with one magnitude.

    images (B, H, W, C) uint8 with C 1 or 3, rng a NumPy Generator -> the same shape, a new array.
    magnitude is on the scale 0..30, where 30 is AutoAugment's limit: 9 on a scale of 0..10 is 27
    here. Operations are drawn independently, so an image may get the same one twice. Raises
    ConfigError for a magnitude outside 0..30, a count below 0 or another C.

    Source: Cubuk et al. 2020, arXiv:1909.13719, section 3.
    """
    if not 0 <= magnitude <= LEVELS:
        raise ConfigError(f"magnitude must be a number in 0..{LEVELS}; got {magnitude!r}")
    if count < 0:
        raise ConfigError(f"count must not be negative; got {count!r}")
    planes = _to_planes(images)
    for _ in range(count):
        planes = _random_operations(planes, magnitude / LEVELS, rng)
    return _to_images(planes)


def _random_operations(planes, level, rng):
    """One random operation for each image of (C, B, H, W), at `level` (0..1) times its limit."""
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


def _to_planes(images):
    """(B, H, W, C) -> (C, B, H, W): with contiguous channels NumPy is much faster."""
    if images.shape[3] not in (1, 3):
        raise ConfigError(
            f"a policy needs images of 1 or 3 channels, grey or colour; got {images.shape[3]}"
        )
    return array_module(images).ascontiguousarray(images.transpose(3, 0, 1, 2))


def _to_images(planes):
    """(C, B, H, W) -> (B, H, W, C)."""
    return array_module(planes).stack(list(planes), axis=-1)
