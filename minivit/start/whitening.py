"""The patch embedding starts from the training images' own patches."""

import numpy as np

FAINT = 0.01  # patterns fainter than this variance are not made as loud as the others: noise


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


def patch_whitening(model, images):
    """The whitening of normalised images' (B, H, W, C) patches, as a ViT cuts them."""
    patches, _ = model.parts["patchify"].forward({}, images)
    return whitening(patches.reshape(-1, patches.shape[-1]), model.config.dim)
