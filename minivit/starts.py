"""Starts: other first values for the parameters than those that each layer draws for itself.

A layer's own `init` draws matrices as Xavier has it. The functions here redraw some leaves of the
model's tree, in place, and `Config.init` says which of them it is.
"""

import math

import numpy as np

from . import tree

STD = 0.02
FAINT = 0.01  # patterns fainter than this variance are not made as loud as the others: noise
SLOWEST = 10_000  # patches to a radian of the slowest wave, nearly


def redraw(params, config, rng):
    """The start that `config.init` names, over the params that the layers drew -> params."""
    if config.init == "normal":
        return normal(params, rng)
    if config.init == "mimetic":
        return mimetic(params, config, rng)
    return params


def normal(params, rng):
    """Every matrix (`w`) normal with standard deviation 0.02, whatever its sizes -> params.

    A head of zeros stays as it is, and so do positions and class token, which the source draws with
    0.02 too. The source calls the distribution truncated, but cuts it at +-2, a hundred standard
    deviations away: no number is ever cut, and none is here.

    Source: Touvron et al. 2021, arXiv:2012.12877, section 6, and its code; timm's ViT.
    """
    for name, leaf in tree.walk(params):
        if tree.is_decayed(name) and leaf.any():
            leaf[...] = STD * rng.standard_normal(leaf.shape)
    return params


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


def whitening(patches, dim):
    """The first weights of the patch embedding (numbers, D): all patterns become equally loud.

        covariance = patches^T patches / n = V diag(values) V^T
        w          = V / sqrt(values + eps)        each column once, then negated, then again, to D

    Neighbouring pixels are nearly equal, so most of what patches differ by is brightness and slow
    gradients; edges, which tell objects apart, are faint. The columns of w are the patterns that
    make up patches, from the commonest on, each divided by how strong it usually is. A narrow model
    has no room for all: negated ones are left out first, then the faintest patterns.

    patches (n, numbers of a patch), normalised as the model meets them.
    Source: Coates & Ng 2012, "Learning feature representations with k-means", section 3 (whitening
    of patches); Jordan 2024, arXiv:2404.00498, section 3.2 (frozen there; here
    it is only the start).
    """
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    w = (vectors / np.sqrt(values + FAINT))[:, ::-1]  # by falling strength
    both = np.concatenate([w, -w], axis=1)
    return np.tile(both, -(-dim // both.shape[1]))[:, :dim]
