"""What is predicted of a patch: colours of few bits, or all of its pixels."""

import numpy as np

from ..layers import Patchify

BITS = 3  # of a channel: 8 levels


def colours(images, patch, cells=1):
    """The mean colours of each patch, as classes: images (B, H, W, C) uint8 -> (B, N, cells^2).

        level  = floor(mean over the cell / 32), 0..7, of each channel
        class  = (level of red * 8 + level of green) * 8 + level of blue        512 of them

    patch: its height and width; it is cut into cells x cells parts. All is in whole numbers, so
    that the classes are exact.
    """
    b, height, width, channels = images.shape
    p, q = (side // cells for side in patch)
    parts = images.reshape(b, height // p, p, width // q, q, channels)
    sums = parts.sum(axis=(2, 4), dtype=np.int64)  # (B, rows, columns, C)
    levels = sums // (p * q << (8 - BITS))
    classes = levels[..., 0]
    for channel in range(1, channels):
        classes = (classes << BITS) + levels[..., channel]
    return Patchify(cells, cells).forward({}, classes[..., None])[0]


def pixels(images, patch):
    """The pixels of each patch: images (B, H, W, C) uint8 -> (B, N, P*Q*C) float32 in 0..1."""
    return Patchify(*patch).forward({}, images)[0].astype(np.float32) / np.float32(255)
