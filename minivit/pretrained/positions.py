"""Position embeddings for another number of patches: three ways, as three programs do it.

A model that was trained on a grid of 14 x 14 patches has 14 x 14 position vectors. For pictures of
another size they are interpolated. Each program does it in its own way, and the results differ, so
weights are interpolated by the way of the program that they come from.

Each function returns a matrix (new, old): row i says how much of each old position is in the new
position i along one axis. Rows sum to 1.
"""

import math

import numpy as np


def resample(pos, prefix, old, new, matrix):
    """pos (prefix + old * old, D) -> (prefix + new * new, D), in the dtype of `pos`.

    The first `prefix` vectors (of the class token) stay as they are. matrix: one of the functions
    below; it acts on rows and on columns of the grid.
    """
    if old == new:
        return pos
    weights = matrix(old, new)
    grid = pos[prefix:].reshape(old, old, -1).astype(np.float64)
    grid = np.tensordot(weights, grid, (1, 0))  # (new, old, D)
    grid = np.tensordot(weights, grid, (1, 1)).swapaxes(0, 1)  # (new, new, D)
    return np.concatenate([pos[:prefix], grid.reshape(new * new, -1)]).astype(pos.dtype)


def bilinear_corners(old, new):
    """Linear between two neighbours; the first and last positions stay at the first and last.

    Source: the authors' `interpolate_posembed` (github.com/google-research/vision_transformer,
    vit_jax/checkpoint.py): scipy.ndimage.zoom with order=1. big_vision does the same.
    """
    places = np.linspace(0, old - 1, new)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(old)))


def bicubic(old, new):
    """Cubic over four neighbours, by the centres of the patches, also where the grid shrinks.

    Positions beyond an edge are those at the edge. Source: Hugging Face's
    `interpolate_pos_encoding` (transformers, models/vit/modeling_vit.py), which calls PyTorch's
    interpolate(mode="bicubic", align_corners=False).
    """
    weights = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * old / new - 0.5
        first = math.floor(centre) - 1
        for j in range(first, first + 4):
            weights[i, min(max(j, 0), old - 1)] += cubic(j - centre, -0.75)
    return weights


def bicubic_antialiased(old, new):
    """Cubic by the centres of the patches; where the grid shrinks, over more neighbours.

    Weights beyond an edge are left out, and the rest made to sum to 1. Source: timm's
    `resample_abs_pos_embed` (layers/pos_embed.py), which calls PyTorch's interpolate(
    mode="bicubic", antialias=True); its rule is that of Pillow.
    """
    stretch = max(1.0, old / new)
    weights = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * old / new
        first = max(int(centre - 2 * stretch + 0.5), 0)
        last = min(int(centre + 2 * stretch + 0.5), old)
        for j in range(first, last):
            weights[i, j] = cubic((j + 0.5 - centre) / stretch, -0.5)
    return weights / weights.sum(axis=1, keepdims=True)


def cubic(x, a):
    """The cubic convolution kernel with slope parameter a. Source: Keys 1981, eq. 15."""
    x = abs(x)
    if x < 1:
        return (a + 2) * x * x * x - (a + 3) * x * x + 1
    if x < 2:
        return a * (x * x * x - 5 * x * x + 8 * x - 4)
    return 0.0


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
