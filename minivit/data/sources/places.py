"""`places`: 32 x 32 colour images of small figures; the targets are where they are, in pixels.

This is the built-in data set for regression. Each image has one of the ten figures of `shapes`, at
about half the size, anywhere; all else is as random as there. The two targets are the row and the
column of the middle of the figure's 5 x 5 cells, counted from the middle of the first pixel. Most
figures are not symmetrical about that point, so a model has to see which figure it is. Always
saying the mean is 4.9 pixels off (RMSE), in each direction.

Images must not be moved or mirrored: that would change the targets, which `Dataset.placed` says.
"""

import numpy as np

from ..dataset import Dataset
from . import shapes
from .shapes import CHUNK, FIGURES, SIDE

SPACING = 2.4  # pixels from mark to mark
SIZE = 0.5  # of a mark, where those of `shapes` are 1
MARGIN = 7  # pixels from the middle of a figure to the edge of the image, at least


def load(seed=0, train=10_000, test=2_000):
    """The set as a Dataset of `train` and `test` images with two targets, "row" and "column".

    Takes about a second for 12,000 images. Raises DataError if either number is 0.
    """
    parts = [_draw(np.random.default_rng([seed, 7, k]), n) for k, n in enumerate((train, test))]
    names = ("row", "column")
    return Dataset("places", (), *parts[0], *parts[1], target_names=names, placed=True)


def _draw(rng, count):
    """`count` images (N, 32, 32, 3) uint8, and where their figures are, (N, 2) float32."""
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    middles = rng.uniform(MARGIN, SIDE - 1 - MARGIN, (count, 2)).astype(np.float32)
    for start in range(0, count, CHUNK):
        chunk = slice(start, start + CHUNK)
        labels = rng.integers(len(FIGURES), size=len(middles[chunk]))
        y, x = shapes.cells(labels)  # (B, 9) each, from the middle
        y, x = (middles[chunk, k, None] + SPACING * cell for k, cell in enumerate((y, x)))
        images[chunk] = shapes.coloured(rng, shapes.coverage(rng, y, x, SIZE))
    return images, middles
