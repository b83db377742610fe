"""Position embeddings of published weights: for another number of patches, and those not stored.

A model that was trained on a grid of 14 x 14 patches has 14 x 14 position vectors. For pictures of
another size they are interpolated. Each program does it in its own way, and the results differ, so
weights are interpolated by the way of the program that they come from.
"""

import numpy as np

from ..arrays.interpolation import bicubic, bicubic_antialiased, bilinear_corners, grid_matrix


def resample(pos, prefix, old, new, way):
    """pos (prefix + old * old, D) -> (prefix + new * new, D), in the dtype of `pos`.

    The first `prefix` vectors (of the class token) stay as they are. way: a function of
    `arrays/interpolation.py`; it acts on rows and on columns of the grid.
    """
    if old == new:
        return pos
    matrix = grid_matrix(way, (old, old), (new, new), prefix)
    return (matrix @ pos.astype(np.float64)).astype(pos.dtype)


def sines(side, dim):
    """Fixed positions (side * side, D): sines and cosines of the column, then of the row.

    Source: `posemb_sincos_2d` (github.com/google-research/big_vision, models/vit.py), whose models
    do not store them. D must be a multiple of 4, and more than 4.
    """
    rate = 10_000.0 ** -(np.arange(dim // 4) / (dim // 4 - 1))
    row, column = (np.outer(axis.ravel(), rate) for axis in np.mgrid[:side, :side])
    parts = [np.sin(column), np.cos(column), np.sin(row), np.cos(row)]
    return np.concatenate(parts, axis=1).astype(np.float32)


WAYS = {  # function: its name in a report
    bilinear_corners: "bilinear, corners aligned",
    bicubic: "bicubic",
    bicubic_antialiased: "bicubic, antialiased",
}
