"""Geometric operations: rotate, shear, translate. Each is one affine map and one gather.

They take planes (C, B, H, W) uint8, one (B, H, W) for each channel, and a strength (B,) float64 on
the host. The affine map gives the source position of each output pixel's centre; the output takes
the value of the pixel there (nearest neighbour, Pillow's default), or grey 128 outside the image.
Positions are integers, in 65536ths of a pixel as in Pillow, so every machine and both array
libraries give the same bytes.
"""

import numpy as np

from ...arrays.backend import array_module, to_device

FILL = 128  # grey, for what comes from outside the image
FRACTION_BITS = 16  # of the fixed-point positions in `affine`
ONE = 1 << FRACTION_BITS  # a pixel


def rotate(planes, degrees):
    """Turn each image about its centre, anticlockwise if `degrees` is positive."""
    height, width = planes.shape[2:]
    cos, sin, x, y = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), width / 2, height / 2
    matrix = [(cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y)]
    return affine(planes, np.array(matrix))


def shear_x(planes, slope):
    """Shift each row to the left by `slope` pixels more than the one above; the top edge stays."""
    return _affine_with(planes, 0, 1, slope)


def shear_y(planes, slope):
    """Shift each column up by `slope` pixels more than the one before; the left edge stays."""
    return _affine_with(planes, 1, 0, slope)


def translate_x(planes, share):
    """Shift each image by `share` of its width, in whole pixels: to the left if positive."""
    return _affine_with(planes, 0, 2, np.rint(share * planes.shape[3]))


def translate_y(planes, share):
    """Shift each image by `share` of its height, in whole pixels: upwards if positive."""
    return _affine_with(planes, 1, 2, np.rint(share * planes.shape[2]))


def _affine_with(planes, row, column, value):
    """`affine` by the identity matrix with one entry changed to `value` (B,)."""
    matrix = np.zeros((2, 3, planes.shape[1]))
    matrix[0, 0] = matrix[1, 1] = 1
    matrix[row, column] = value
    return affine(planes, matrix)


def affine(planes, matrix):
    """The pixel with its centre at (x, y), in pixels, takes the value at matrix @ (x, y, 1).

    planes (C, B, H, W) uint8; matrix (2, 3, B) float64 on the host: row 0 gives x, row 1 gives y
    -> (C, B, H, W) uint8.
    """
    xp = array_module(planes)
    c, b, h, w = planes.shape
    padded = xp.full((c, b, h + 2, w + 2), FILL, dtype=planes.dtype)
    padded[:, :, 1:-1, 1:-1] = planes
    fixed = matrix * ONE
    fixed[:, 2] += (fixed[:, 0] + fixed[:, 1]) / 2  # the first pixel's centre is at (1/2, 1/2)
    fixed = to_device(np.floor(fixed + 0.5).astype(np.int32), xp)
    per_x, per_y, start = fixed.transpose(1, 0, 2)[..., None]  # (2, B, 1) each
    column, row = xp.arange(w, dtype=xp.int32), xp.arange(h, dtype=xp.int32)
    x, y = (per_y * row + start)[..., None] + (per_x * column)[:, :, None]  # (B, H, W) each
    x >>= FRACTION_BITS
    y >>= FRACTION_BITS  # rounded down: the pixel that contains the position
    index = y.clip(-1, h, out=y)
    index *= w + 2
    index += x.clip(-1, w, out=x)
    area = (h + 2) * (w + 2)
    index += xp.arange(w + 3, b * area, area, dtype=xp.int32)[:, None, None]  # pixel (0, 0) of each
    return padded.reshape(c, -1).take(index, axis=1)
