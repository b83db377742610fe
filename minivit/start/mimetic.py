"""Mimetic initialization: attention that starts similar to that of trained ViTs."""

import math

import numpy as np

from ..layers.grid_positions import sincos


def mimetic_start(params, config, rng):
    """Attention that starts similar to that of trained ViTs -> params.

        Wq Wk^T  ~  0.7 Z + 0.7 I        for each head; Z: new normal numbers of variance 1/D
        Wv Wproj ~  0.4 Z - 0.4 I        for all heads together

    With Wq Wk^T close to I, a token attends to tokens that are similar to it; with sines and
    cosines as positions, these are its neighbours. With Wv Wproj close to -I, a part of what they
    have in common is subtracted from it.

    Each product A = U S V^T is factored into U sqrt(S) and V sqrt(S). Wq and Wk have K columns a
    head; those of the K largest singular values give the product that is closest to A. Everything
    else stays as the layers drew it.

    Source: Trockman & Kolter 2023, arXiv:2305.09828; 0.7 and 0.4 are from public code.
    """
    eye = np.eye(config.dim)
    for i in range(config.depth):
        attn = params[f"block{i}"]["attn"]
        # views (D, heads, K): writing to them writes to the leaf
        wq, wk, wv = attn["qkv"]["w"].reshape(config.dim, 3, config.heads, -1).swapaxes(0, 1)
        for head in range(config.heads):
            left, right = balanced_factors(0.7 * random_matrix(config.dim, rng) + 0.7 * eye)
            wq[:, head] = left[:, : wq.shape[-1]]
            wk[:, head] = right[:, : wk.shape[-1]]
        left, right = balanced_factors(0.4 * random_matrix(config.dim, rng) - 0.4 * eye)
        wv[...] = left.reshape(wv.shape)
        attn["proj"]["w"][...] = right.T
    positions = params.get("position", {})
    if "pos" in positions:
        positions["pos"][...] = 0.0  # the class token has no position
        positions["pos"][-config.patches :] = sincos(*config.grid, config.dim)
    elif positions:  # a vector for each row, which is that of its first patch, and each column
        half = config.dim // 2
        grid = sincos(*config.grid, config.dim).reshape(*config.grid, -1)
        positions["row"][...] = grid[:, 0, :half]
        positions["column"][...] = grid[0, :, half:]
    return params


def random_matrix(dim, rng):
    """A (D, D) matrix of normal numbers with variance 1/D. It nearly keeps a vector's length."""
    return rng.standard_normal((dim, dim)) / math.sqrt(dim)


def balanced_factors(matrix):
    """Two equally large factors, l @ r.T = matrix, with columns by falling singular value."""
    u, s, vt = np.linalg.svd(matrix)
    return u * np.sqrt(s), vt.T * np.sqrt(s)
