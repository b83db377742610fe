"""Moving pixels: rotate, shear, translate. Each is one affine map and one gather.

All on planes (C, B, H, W) uint8, one (B, H, W) for each colour, and with a strength (B,) float64
that lies on the host. A pixel takes the value of the pixel that its centre comes from (nearest
neighbour, Pillow's default), and what comes from outside the picture is grey 128.
Positions are whole numbers, in 65536ths of a pixel as in Pillow, so every machine and every
library gives the same bytes.
"""

import numpy as np

from ...arrays.backend import array_module, to_device

GREY = 128
BITS = 16
ONE = 1 << BITS  # a pixel, in the fixed point of `affine`


def rotate(planes, degrees):
    """Turn each picture about its centre, anticlockwise where `degrees` is positive."""
    height, width = planes.shape[2:]
    cos, sin, x, y = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), width / 2, height / 2
    matrix = [(cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y)]
    return affine(planes, np.array(matrix))


def shear_x(planes, slope):
    """Shift each row to the left by `slope` pixels more than the one above; the top edge stays."""
    return _moved(planes, 0, 1, slope)


def shear_y(planes, slope):
    """Shift each column up by `slope` pixels more than the one before; the left edge stays."""
    return _moved(planes, 1, 0, slope)


def translate_x(planes, share):
    """Shift each picture by `share` of its width, in whole pixels: to the left if positive."""
    return _moved(planes, 0, 2, np.rint(share * planes.shape[3]))


def translate_y(planes, share):
    """Shift each picture by `share` of its height, in whole pixels: upwards if positive."""
    return _moved(planes, 1, 2, np.rint(share * planes.shape[2]))


def _moved(planes, row, column, number):
    """The map that leaves everything in place, but for one number of its matrix."""
    matrix = np.zeros((2, 3, planes.shape[1]))
    matrix[0, 0] = matrix[1, 1] = 1
    matrix[row, column] = number
    return affine(planes, matrix)


def affine(planes, matrix):
    """Each pixel takes what lies at matrix @ (x, y, 1), if (x, y) is its own centre, in pixels.

    planes (C, B, H, W) uint8; matrix (2, 3, B) float64 on the host: row 0 gives x, row 1 gives y.
    """
    xp = array_module(planes)
    c, b, h, w = planes.shape
    framed = xp.full((c, b, h + 2, w + 2), GREY, dtype=planes.dtype)  # all that lies outside
    framed[:, :, 1:-1, 1:-1] = planes
    fixed = matrix * ONE
    fixed[:, 2] += (fixed[:, 0] + fixed[:, 1]) / 2  # the first pixel's centre is at (1/2, 1/2)
    fixed = to_device(np.floor(fixed + 0.5).astype(np.int32), xp)
    by_x, by_y, start = fixed.transpose(1, 0, 2)[..., None]
    column, row = xp.arange(w, dtype=xp.int32), xp.arange(h, dtype=xp.int32)
    x, y = (by_y * row + start)[..., None] + (by_x * column)[:, :, None]  # (B, H, W) each
    x >>= BITS
    y >>= BITS  # rounded down: the pixel around that place
    index = y.clip(-1, h, out=y)
    index *= w + 2
    index += x.clip(-1, w, out=x)
    area = (h + 2) * (w + 2)
    index += xp.arange(w + 3, b * area, area, dtype=xp.int32)[:, None, None]  # pixel (0, 0) of each
    return framed.reshape(c, -1).take(index, axis=1)
