"""Augmentation: the same picture, moved a little, so that the model cannot learn it by heart.

Whole batches at once, on bytes; the random numbers come from a host generator, so that NumPy and
CuPy meet the same ones.
"""

import numpy as np

from ..backend import array_module, to_device


def random_crop(images, rng, padding=4):
    """Shift each picture by up to `padding` pixels each way; black comes in at the edges.

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
    """Mirror each picture left to right with probability 1/2."""
    flip = to_device(np.flatnonzero(rng.random(len(images)) < 0.5), array_module(images))
    out, mirrored = images.copy(), images[flip]
    for channel in range(images.shape[-1]):  # a plane at a time: long rows are quick to copy
        out[flip, :, :, channel] = mirrored[:, :, ::-1, channel]
    return out


def augment(images, rng):
    """Random crop with 4 pixels of padding, then random horizontal flip."""
    return random_flip(random_crop(images, rng), rng)


def channel_statistics(images):
    """Mean and standard deviation of each channel over all pixels, in 0..1 -> two (C,) float64.

    (The widely copied CIFAR-10 deviations 0.2023, 0.1994, 0.2010 are means of the images' own.)
    """
    values = np.arange(256) / 255
    shares = [np.bincount(images[..., i].ravel(), minlength=256) for i in range(images.shape[-1])]
    shares = np.stack(shares) / (images.size / images.shape[-1])  # (C, 256)
    mean = shares @ values
    deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
    return mean, np.maximum(deviation, 1 / 255)  # a channel that never changes stays finite


def normalise(images, mean, std):
    """Bytes to floats of mean 0 and deviation 1: (x / 255 - mean) / std, in the dtype of `mean`."""
    xp, (b, h, w, c) = array_module(images), images.shape
    x = images.astype(mean.dtype).reshape(b, h, w * c)  # whole rows: a loop over c is a short one
    x -= xp.tile(255 * mean, w)
    x *= xp.tile(1 / (255 * std), w)
    return x.reshape(b, h, w, c)
