"""Attention that starts as it is found in trained ViTs."""

import math

import numpy as np

SLOWEST = 10_000  # patches to a radian of the slowest wave, nearly


def mimetic(params, config, rng):
    """Attention that starts as it is found in trained ViTs -> params.

        Wq Wk^T  ~  0.7 Z + 0.7 I        for each head; Z: fresh normal numbers of variance 1/D
        Wv Wproj ~  0.4 Z - 0.4 I        for all heads together

    Wq Wk^T near I lets a token attend to those that resemble it; with positions that are waves
    those are its neighbours. Wv Wproj near -I takes away from a token some of what they share.
    A matrix A = U S V^T is shared out as U sqrt(S) and V sqrt(S); for Wq and Wk, which have K
    columns a head, the K largest singular values give the nearest such product. The rest stays
    as the layers drew it.

    Source: Trockman & Kolter 2023, arXiv:2305.09828; 0.7 and 0.4 as public code of it has them.
    """
    eye = np.eye(config.dim)
    for i in range(config.depth):
        attn = params[f"block{i}"]["attn"]
        # views (D, heads, K): writing them writes the leaf
        wq, wk, wv = attn["qkv"]["w"].reshape(config.dim, 3, config.heads, -1).swapaxes(0, 1)
        for head in range(config.heads):
            left, right = halves(0.7 * noise(config.dim, rng) + 0.7 * eye)
            wq[:, head] = left[:, : wq.shape[-1]]
            wk[:, head] = right[:, : wk.shape[-1]]
        left, right = halves(0.4 * noise(config.dim, rng) - 0.4 * eye)
        wv[...] = left.reshape(wv.shape)
        attn["proj"]["w"][...] = right.T
    side = config.image_size // config.patch_size
    pos = params["position"]["pos"]
    pos[...] = 0.0  # of a class token, which stands nowhere
    pos[-config.patches :] = waves(side, config.dim)
    return params


def noise(dim, rng):
    """A (D, D) matrix of normal numbers with variance 1/D: it keeps a vector's length, nearly."""
    return rng.standard_normal((dim, dim)) / math.sqrt(dim)


def halves(matrix):
    """l and r with l @ r.T the matrix, columns by falling singular value, shared equally."""
    u, s, vt = np.linalg.svd(matrix)
    return u * np.sqrt(s), vt.T * np.sqrt(s)


def waves(side, dim):
    """Positions (side * side, D) in a square: sines and cosines of row, then of column.

    Close patches have similar ones: the product of two depends on their distances alone.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5, for each axis on half of D.
    """
    quarter = -(-dim // 4)  # rounded up
    angles = np.outer(np.arange(side), SLOWEST ** (-np.arange(quarter) / quarter))
    one = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # (side, D / 2)
    both = [np.repeat(one, side, axis=0), np.tile(one, (side, 1))]
    return np.concatenate(both, axis=1)[:, :dim]
