"""Colour operations: nine of them, each giving the same bytes as Pillow's.

They take planes (C, B, H, W) uint8, one (B, H, W) for each channel, and a strength (B,) float64 on
the host. Four of them blend the image with a degenerate image (Pillow's term):

    y = degenerate + (1 + change) * (x - degenerate)        clipped to 0..255, cut to an integer

The degenerate image is black (brightness), the image's mean grey (contrast), the image in grey
(color) or the smoothed image (sharpness). A change of -1 gives the degenerate image, 0 the original
and 1 twice the difference between the two.
"""

import numpy as np

from ...arrays.backend import array_module, to_device


def identity(planes, _):
    """The images unchanged."""
    return planes


def brightness(planes, change):
    """Darker (change < 0) or lighter (change > 0)."""
    return _blend(0, planes, change)


def contrast(planes, change):
    """Nearer to the image's mean grey, or further from it."""
    luminance, pixels = grey(planes), planes.shape[2] * planes.shape[3]
    mean = (2 * luminance.sum(axis=(1, 2)) + pixels) // (2 * pixels)  # rounded
    return _blend(mean[:, None, None], planes, change)


def color(planes, change):
    """Less colourful, or more."""
    return _blend(grey(planes), planes, change)


def sharpness(planes, change):
    """Smoother, or sharper; the smooth image is a mean of 3 x 3 pixels, the middle one 5 times."""
    xp = array_module(planes)
    smooth = planes.astype(xp.uint16)  # the pixels at the edges stay
    rows = smooth[:, :, :-2] + smooth[:, :, 1:-1] + smooth[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    total += 4 * smooth[:, :, 1:-1, 1:-1] + 6
    total //= 13  # the 6 makes it round
    smooth[:, :, 1:-1, 1:-1] = total
    return _blend(smooth, planes, change)


def posterize(planes, bits):
    """Clear the lowest `bits` bits of every byte, so that fewer levels remain."""
    mask = 256 - 2 ** np.rint(bits).astype(np.int64)
    return planes & _per_image(mask.astype(np.uint8), planes)


def solarize(planes, share):
    """Replace levels above 255 * (1 - share) by their negatives."""
    threshold = np.rint(255 * (1 - share)).astype(np.uint8)
    negative = (planes > _per_image(threshold, planes)).view(planes.dtype)  # 0 or 1
    negative *= 255
    negative ^= planes
    return negative


def autocontrast(planes, _):
    """Stretch each channel of each image so that its levels reach from 0 to 255."""
    xp = array_module(planes)
    low, high = (ends.astype(xp.float64) for ends in (planes.min((2, 3)), planes.max((2, 3))))
    flat = (high == low)[..., None]  # (C, B, 1): a single level, left unchanged
    level = xp.arange(256, dtype=xp.float64)
    scale = 255 / (high - low)[..., None].clip(1, 255)
    stretched = (level * scale - low[..., None] * scale).clip(0, 255)
    return _look_up(xp.where(flat, level, stretched), _table_indices(planes))


def equalize(planes, _):
    """Equalize the histogram of each channel of each image.

    Level v becomes the number of darker pixels divided by `step`, which is a 255th of the number
    of all pixels but the brightest. As in Pillow, the step is an integer: in an image of 32 x 32
    it can be 3 instead of 3.99, and then the brightest quarter turns white. This is kept because
    the published policies were measured with Pillow.
    """
    xp = array_module(planes)
    c, b = planes.shape[:2]
    indices = _table_indices(planes)
    counts = xp.zeros(c * b * 256, dtype=xp.int32)
    xp.add.at(counts, indices.ravel(), xp.ones(indices.size, dtype=xp.int32))
    counts = counts.reshape(c, b, 256)
    darker = counts.cumsum(axis=2, dtype=xp.int32) - counts
    brightest = planes.max((2, 3), keepdims=True)
    step = (planes < brightest).sum((2, 3), dtype=xp.int32)[..., None] // 255
    spread = ((darker + step // 2) // step.clip(1, None)).clip(0, 255)
    return _look_up(xp.where(step == 0, xp.arange(256, dtype=xp.int32), spread), indices)


def _table_indices(planes):
    """For each byte, the flat index of its entry in tables (C, B, 256)."""
    xp = array_module(planes)
    c, b = planes.shape[:2]
    return planes + 256 * xp.arange(c * b).reshape(c, b, 1, 1)


def _look_up(tables, indices):
    return tables.astype("uint8").take(indices)


def grey(planes):
    """Luminance (B, H, W) int32 in 0..255, by ITU-R 601 with weights in 65536ths, rounded."""
    if len(planes) == 1:
        return planes[0].astype("int32")
    red, green, blue = (plane.astype("int32") for plane in planes)
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def _blend(degenerate, planes, change):
    """degenerate + (1 + change) * (planes - degenerate) in float32, then cut to bytes."""
    y = planes.astype("float32")
    if not isinstance(degenerate, int):
        degenerate = degenerate.astype("float32")
    y -= degenerate
    y *= _per_image((1 + change).astype(np.float32), planes)
    y += degenerate
    return y.clip(0, 255, out=y).astype("uint8")


def _per_image(values, planes):
    """One value for each image: (B,) on the host -> (B, 1, 1) on the device of `planes`."""
    return to_device(values, array_module(planes))[:, None, None]
