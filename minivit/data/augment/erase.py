"""Random erasing: hide a rectangle of an image, so that the model cannot rely on any one part."""

import math

import numpy as np

from ...arrays.backend import array_module, to_device
from ...errors import ConfigError

AREA = (0.02, 1 / 3)  # fraction of the image
ASPECT = (0.3, 1 / 0.3)  # height / width


def random_erasing(images, rng, probability=0.25):
    """Fill a rectangle of each image with random bytes, with the given probability.

    images (B, H, W, C) uint8, rng a NumPy Generator -> the same shape, a new array.
    The area is uniform in 2..33% of the image (in the paper, up to 40%). The logarithm of
    height / width is uniform in log 0.3..log 3.33, so tall and wide rectangles are equally frequent
    (in the paper the ratio itself is uniform). A side longer than the image is cut to it (the paper
    draws again). Raises ConfigError unless `probability` is in 0..1.

    Source: Zhong et al. 2017, arXiv:1708.04896, algorithm 1 with random values ("RE-R").
    """
    if not 0 <= probability <= 1:
        raise ConfigError(f"probability must be a number in 0..1; got {probability!r}")
    xp = array_module(images)
    b, h, w, c = images.shape
    chosen = np.flatnonzero(rng.random(b) < probability)
    area = h * w * rng.uniform(*AREA, len(chosen))
    aspect = np.exp(rng.uniform(*map(math.log, ASPECT), len(chosen)))
    height = np.rint(np.sqrt(area * aspect)).astype(int).clip(1, h)
    width = np.rint(np.sqrt(area / aspect)).astype(int).clip(1, w)
    top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
    noise = rng.integers(0, 256, (len(chosen), h, w, c), dtype=np.uint8)
    mask = rectangles(top, top + height, left, left + width, images.shape)
    mask, noise, chosen = (to_device(array, xp) for array in (mask, noise, chosen))
    out = images.copy()
    out[chosen] = paste(images[chosen], noise, mask)
    return out


def rectangles(top, bottom, left, right, shape):
    """Masks (n, H, W, C) uint8 on the host: 255 in rows top..bottom-1, columns left..right-1.

    top, bottom, left, right are (n,) integers; shape is the images' (B, H, W, C).
    """
    _, h, w, c = shape
    row, column = np.arange(h), np.repeat(np.arange(w), c)  # a column has c channels
    rows = (row >= top[:, None]) & (row < bottom[:, None])
    columns = (column >= left[:, None]) & (column < right[:, None])
    mask = rows[:, :, None] & columns[:, None]
    return (mask.view(np.uint8) * 255).reshape(-1, h, w, c)


def paste(images, others, mask):
    """`others` where `mask` is 255, `images` where it is 0; several times as fast as `where`."""
    y = images ^ others
    y &= mask
    y ^= images
    return y
