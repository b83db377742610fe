"""A start of the weights that meet the pixels: whitening, computed from patches of the images."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import array_module, to_device

WHITENED = 500  # images whose patches decide
EPS = 0.01  # components with less variance than this are mostly noise, and stay weak


def whitening(patches, dim):
    """First weights of the patch embedding, (numbers of a patch, D): equally strong outputs.

        covariance = patches^T patches / n = V diag(values) V^T
        w          = V / sqrt(values + eps)        each column, then each negated, repeated up to D

    Neighbouring pixels are nearly equal, so patches differ mostly in brightness and in slow
    gradients; edges, which distinguish objects, have little variance. The columns of w are the
    principal components of patches, by falling variance, each divided by its standard deviation.
    If D has no room for all, the negated columns are left out first, then the weakest components.

    patches: (n, numbers of a patch), normalised as in training.
    Source: Coates & Ng 2012, "Learning feature representations with k-means", section 3 (whitening
    of patches); Jordan 2024, arXiv:2404.00498, section 3.2 (there the weights stay frozen).
    """
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    w = (vectors / np.sqrt(values + EPS))[:, ::-1]  # by falling variance
    signed = np.concatenate([w, -w], axis=1)
    repeats = -(-dim // signed.shape[1])  # rounded up
    return np.tile(signed, repeats)[:, :dim]


def first_weights(model, images):
    """The parameter of a ViT that meets the pixels, and its whitening -> dotted name, weights.

    images: normalised, (B, H, W, C). It is the patch embedding, or the first convolution of the
    stem, whose patches are its windows.
    """
    if stem := model.parts.get("stem"):
        name, convolution = stem.layers[0]
        return f"stem.{name}.w", whitening(convolution.windows(images), convolution.c_out)
    patches, _ = model.parts["patchify"].forward({}, images)
    return "patch.w", whitening(patches.reshape(-1, patches.shape[-1]), model.config.dim)


def whiten(model, trees, images, indices, mean, std):
    """Start what meets the pixels as its whitening, in each of `trees`, parameters of the model.

    images: (N, H, W, C) uint8; of those at `indices`, WHITENED decide, from all over, as a folder's
    are sorted by class; mean, std: (C,), of images in 0..1.
    """
    some = images[indices[:: -(-len(indices) // WHITENED)]]
    name, w = first_weights(model, (some / 255 - mean) / std)
    for params in trees:
        leaf = dict(tree.walk(params))[name]
        leaf[...] = to_device(w.astype(leaf.dtype), array_module(leaf))
