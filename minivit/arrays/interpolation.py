"""Interpolation along an axis: the matrices, each as another program does it.

A function here returns A (new, old): row i says how much of each old sample is in the new sample i,
so A @ x resamples x. Rows sum to 1. Samples lie in the middle of their cells (of pixels, of
patches): the first at 1/2. Only `bilinear_corners` puts the first and the last on the ends.

    bilinear_corners      the ViT authors, big_vision       for the positions of a ViT
    bilinear              Pillow's BILINEAR                 half-pixel bilinear
    bicubic               Hugging Face's ViT
    bicubic_antialiased   timm, Pillow's BICUBIC
"""

import math

import numpy as np


def bilinear_corners(old, new):
    """Linear between two neighbours; the first and last samples stay at the first and last.

    Source: the authors' `interpolate_posembed` (github.com/google-research/vision_transformer,
    vit_jax/checkpoint.py): scipy.ndimage.zoom with order=1. big_vision does the same.
    """
    places = np.linspace(0, old - 1, new)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(old)))


def bilinear(old, new):
    """Linear between neighbours, by the middles of the cells.

    When x becomes smaller, a new sample is the mean under a triangle as wide as two new samples, so
    no pixel is skipped; this is Pillow's BILINEAR, and PyTorch's with antialias=True.
    """
    step = old / new
    centres = (np.arange(new)[:, None] + 0.5) * step - 0.5  # in samples of x
    weights = (1 - abs(np.arange(old) - centres) / max(step, 1)).clip(0)
    return weights / weights.sum(axis=1, keepdims=True)


def bicubic(old, new):
    """Cubic over four neighbours, by the middles of the cells, also where the grid shrinks.

    Samples beyond an edge are those at the edge. Source: Hugging Face's
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
    """Cubic by the middles of the cells; where the grid shrinks, over more neighbours.

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


WAYS = {  # what a user calls it: function
    "bilinear-corners": bilinear_corners,
    "bilinear": bilinear,
    "bicubic": bicubic,
    "bicubic-antialiased": bicubic_antialiased,
}


def grid_matrix(way, old, new, prefix=0, suffix=0):
    """The matrix that resamples a grid in two dimensions, row by row in one axis.

        R = A_rows kron A_columns

    way: one of the functions above; old, new: rows and columns. The first `prefix` and the last
    `suffix` samples are on no grid and stay.
    """
    size = prefix + math.prod(new) + suffix, prefix + math.prod(old) + suffix
    matrix = np.zeros(size)
    matrix[:prefix, :prefix] = np.eye(prefix)
    matrix[size[0] - suffix :, size[1] - suffix :] = np.eye(suffix)
    grid = np.kron(way(old[0], new[0]), way(old[1], new[1]))
    matrix[prefix : size[0] - suffix, prefix : size[1] - suffix] = grid
    return matrix
