"""Changing pixels where they are: nine operations on colours, to the byte as Pillow does them.

All on planes (C, B, H, W) uint8, one (B, H, W) for each colour, and with a strength (B,) float64
that lies on the host. Four of them blend the picture with a poorer one of itself,

    y = poor + (1 + change) * (x - poor)        cut to 0..255, and to a whole number

where poor is black (brightness), the picture's mean grey (contrast), the picture in grey (color) or
smoothed (sharpness): a change of -1 gives the poor picture, 0 the picture, 1 exaggerates it.
"""

import numpy as np

from ...arrays.backend import array_module, to_device


def identity(planes, _):
    """The pictures as they are."""
    return planes


def brightness(planes, change):
    """Darker towards black, or lighter."""
    return _blend(0, planes, change)


def contrast(planes, change):
    """Nearer to the picture's mean grey, or further from it."""
    light, pixels = _grey(planes), planes.shape[2] * planes.shape[3]
    mean = (2 * light.sum(axis=(1, 2)) + pixels) // (2 * pixels)  # rounded
    return _blend(mean[:, None, None], planes, change)


def color(planes, change):
    """Paler towards grey, or more colourful."""
    return _blend(_grey(planes), planes, change)


def sharpness(planes, change):
    """Smoother, or sharper: by a mean of 3 x 3 pixels in which the middle one counts 5 times."""
    xp = array_module(planes)
    smooth = planes.astype(xp.uint16)  # the outermost pixels stay
    down = smooth[:, :, :-2] + smooth[:, :, 1:-1] + smooth[:, :, 2:]
    total = down[..., :-2] + down[..., 1:-1] + down[..., 2:]
    total += 4 * smooth[:, :, 1:-1, 1:-1] + 6
    total //= 13  # rounded, thanks to the 6
    smooth[:, :, 1:-1, 1:-1] = total
    return _blend(smooth, planes, change)


def posterize(planes, bits):
    """Clear the lowest `bits` bits of every byte, which leaves fewer levels."""
    mask = 256 - 2 ** np.rint(bits).astype(np.int64)
    return planes & _each(mask.astype(np.uint8), planes)


def solarize(planes, share):
    """Turn the brightest levels to their negatives: those above 255 * (1 - share)."""
    kept = np.rint(255 * (1 - share)).astype(np.uint8)
    negative = (planes > _each(kept, planes)).view(planes.dtype)  # 0 or 1
    negative *= 255
    negative ^= planes
    return negative


def autocontrast(planes, _):
    """Stretch each colour of each picture so that it reaches from 0 to 255."""
    xp = array_module(planes)
    low, high = (ends.astype(xp.float64) for ends in (planes.min((2, 3)), planes.max((2, 3))))
    flat = (high == low)[..., None]  # (C, B, 1): a single level, which stays
    level = xp.arange(256, dtype=xp.float64)
    scale = 255 / (high - low)[..., None].clip(1, 255)
    stretched = (level * scale - low[..., None] * scale).clip(0, 255)
    return _look_up(xp.where(flat, level, stretched), _keys(planes))


def equalize(planes, _):
    """Spread the levels of each colour of each picture evenly.

    Level v goes to the count of darker pixels over `step`, a 255th of all but the brightest. The
    step is a whole number, as in Pillow: in a picture of 32 x 32 it is 3 instead of 3.99, say, and
    the brightest quarter turns white. The published policies are Pillow's, so this keeps it.
    """
    xp = array_module(planes)
    c, b = planes.shape[:2]
    keys = _keys(planes)
    counts = xp.zeros(c * b * 256, dtype=xp.int32)
    xp.add.at(counts, keys.ravel(), xp.ones(keys.size, dtype=xp.int32))
    counts = counts.reshape(c, b, 256)
    darker = counts.cumsum(axis=2, dtype=xp.int32) - counts
    brightest = planes.max((2, 3), keepdims=True)
    step = (planes < brightest).sum((2, 3), dtype=xp.int32)[..., None] // 255
    spread = ((darker + step // 2) // step.clip(1, None)).clip(0, 255)
    return _look_up(xp.where(step == 0, xp.arange(256, dtype=xp.int32), spread), keys)


def _keys(planes):
    """Where each byte stands in tables (C, B, 256), as one index."""
    xp = array_module(planes)
    c, b = planes.shape[:2]
    return planes + 256 * xp.arange(c * b).reshape(c, b, 1, 1)


def _look_up(tables, keys):
    return tables.astype("uint8").take(keys)


def _grey(planes):
    """How light each pixel is, (B, H, W) int32 in 0..255: by ITU-R 601, in 65536ths, rounded."""
    if len(planes) == 1:
        return planes[0].astype("int32")
    red, green, blue = (plane.astype("int32") for plane in planes)
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def _blend(poor, planes, change):
    """poor + (1 + change) * (planes - poor) in float32, cut to bytes."""
    y = planes.astype("float32")
    poor = poor if isinstance(poor, int) else poor.astype("float32")
    y -= poor
    y *= _each((1 + change).astype(np.float32), planes)
    y += poor
    return y.clip(0, 255, out=y).astype("uint8")


def _each(numbers, planes):
    """One number for each picture, from the host (B,) to the planes' device (B, 1, 1)."""
    return to_device(numbers, array_module(planes))[:, None, None]
