"""Random crop and horizontal flip, so that the model cannot memorise the training images.

Both treat a whole batch of bytes at once. The random numbers come from a generator on the host, so
NumPy and CuPy give the same images.
"""

import numpy as np

from ...arrays.backend import array_module, to_device


def random_crop(images, rng, padding=4):
    """Shift each image by up to `padding` pixels in each direction; uncovered edges become black.

    images (B, H, W, C) uint8, rng a NumPy Generator -> the same shape.
    """
    xp = array_module(images)
    b, h, w, c = images.shape
    padded = xp.zeros((b, h + 2 * padding, w + 2 * padding, c), dtype=images.dtype)
    padded[:, padding : padding + h, padding : padding + w] = images
    windows = xp.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(1, 2))
    top, left = to_device(rng.integers(0, 2 * padding + 1, (2, b)), xp)
    return windows[xp.arange(b), top, left].transpose(0, 2, 3, 1)  # (B, C, H, W) to channels last


def random_flip(images, rng):
    """Mirror each image left to right with probability 1/2.

    images (B, H, W, C) uint8, rng a NumPy Generator -> the same shape, a new array.
    """
    flip = to_device(np.flatnonzero(rng.random(len(images)) < 0.5), array_module(images))
    out, mirrored = images.copy(), images[flip]
    for channel in range(images.shape[-1]):  # one channel at a time: long rows copy faster
        out[flip, :, :, channel] = mirrored[:, :, ::-1, channel]
    return out


def crop_and_flip(images, rng, padding=4):
    """Random crop with this padding, then random horizontal flip: (B, H, W, C) uint8."""
    return random_flip(random_crop(images, rng, padding), rng)
