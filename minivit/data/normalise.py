"""From bytes to the floats that a model takes, of mean 0 and standard deviation 1."""

import numpy as np

from ..arrays.backend import array_module, to_device
from ..errors import ConfigError


def channel_statistics(images):
    """Mean and standard deviation of each channel over all pixels, on the scale 0..1.

    images (N, H, W, C) uint8 -> mean (C,) float64, std (C,) float64.

    (The CIFAR-10 deviations 0.2023, 0.1994, 0.2010 that many programs copy are something else: the
    mean over the images of each image's own deviation.)
    """
    values = np.arange(256) / 255
    counts = [np.bincount(images[..., i].ravel(), minlength=256) for i in range(images.shape[-1])]
    shares = np.stack(counts) / (images.size / images.shape[-1])  # (C, 256)
    mean = shares @ values
    std = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
    return mean, np.maximum(std, 1 / 255)  # so that a constant channel does not divide by 0


def normalise(images, mean, std):
    """(x / 255 - mean) / std of images (B, H, W, C) uint8, in the dtype of `mean` (C,)."""
    xp, (b, h, w, c) = array_module(images), images.shape
    x = images.astype(mean.dtype).reshape(b, h, w * c)  # long rows: faster than loops of length C
    x -= xp.tile(255 * mean, w)
    x *= xp.tile(1 / (255 * std), w)
    return x.reshape(b, h, w, c)


def on_byte_scale(images):
    """Images uint8, or floats in 0..1 -> values in 0..255. Raises ConfigError for others."""
    if isinstance(images, np.ma.MaskedArray):  # whose mask would be ignored
        raise ConfigError("the model takes plain arrays; got a masked array")
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise ConfigError(f"images must be uint8 in 0..255 or floats in 0..1; got {images.dtype}")
    return np.asarray(images, np.float32) * np.float32(255)


def per_channel(mean, std, channels, xp):
    """mean, std, numbers for each channel, as arrays (C,) float32 of `xp`. Raises ConfigError."""
    if np.shape(mean) != (channels,) or np.shape(std) != (channels,):
        raise ConfigError(
            f"mean and std must be of {channels} channels; got shapes {np.shape(mean)} and "
            f"{np.shape(std)}"
        )
    return [to_device(np.asarray(values, np.float32), xp) for values in (mean, std)]
