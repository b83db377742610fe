"""MixUp and CutMix: combine two images, and their labels in the same proportion."""

import math

import numpy as np

from ...arrays.backend import array_module, to_device
from ...errors import ConfigError
from .erase import paste, rectangles


def mix(images, labels, classes, rng, mixup=0.8, cutmix=1.0):
    """Mix each image with another of the batch, its partner, by MixUp or CutMix with equal chance.

        MixUp   y = lam * x + (1 - lam) * partner                  lam ~ Beta(mixup, mixup)
        CutMix  y = partner within a rectangle, x elsewhere        lam ~ Beta(cutmix, cutmix)
        target  = lam * one_hot(label) + (1 - lam) * one_hot(partner's label)

    images (B, H, W, C) uint8, labels integers (B,), rng a NumPy Generator
    -> images (B, H, W, C) uint8, targets (B, classes) float32, whose rows sum to 1.

    Each image has its own lam, which costs no more than one for the batch and makes batches more
    alike. The partners are a permutation of the batch. The targets use the lam that the pixels
    really have: in MixUp it is rounded to 256ths; in CutMix it is the fraction of pixels that
    remain after the rectangle (1 - lam of the area, centred on any pixel) is cut to the image.
    mixup 0 turns MixUp off and cutmix 0 turns CutMix off; with both 0 the images are returned
    unchanged. Raises ConfigError unless both are finite and not negative, and if `labels` are not
    class labels.

    Sources: Zhang et al. 2017, arXiv:1710.09412, section 2; Yun et al. 2019, arXiv:1905.04899,
    eqs. 1 and 2.
    """
    if not (0 <= mixup < math.inf and 0 <= cutmix < math.inf):
        raise ConfigError(
            f"mixup and cutmix must be numbers from 0 up; got {mixup!r} and {cutmix!r}"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ConfigError(
            f"MixUp and CutMix need integer class labels (B,), and these are {labels.dtype} "
            f"{labels.shape}; set mixup and cutmix to 0"
        )
    xp, b = array_module(images), len(images)
    one_hot = (labels[:, None] == xp.arange(classes)).astype(xp.float32)
    if not mixup and not cutmix:
        return images, one_hot
    by_cutmix = rng.random(b) < (0.5 if mixup and cutmix else float(cutmix > 0))
    alpha, partner = np.where(by_cutmix, cutmix, mixup), rng.permutation(b)
    lam, out = rng.beta(alpha, alpha), xp.empty_like(images)
    for method, chosen in ((_cutmix, by_cutmix), (_mixup, ~by_cutmix)):
        group = np.flatnonzero(chosen)
        first, second = to_device(group, xp), to_device(partner[group], xp)
        out[first], lam[group] = method(images[first], images[second], lam[group], rng)
    lam = to_device(lam.astype(np.float32), xp)[:, None]
    return out, lam * one_hot + (1 - lam) * one_hot[to_device(partner, xp)]


def _mixup(images, partners, lam, _):
    """-> images, and lam rounded to 256ths, so that the weighted sum fits 16 bits."""
    xp = array_module(images)
    rounded = np.rint(256 * lam).astype(np.uint16)
    weight = to_device(rounded, xp)[:, None, None, None]
    y = images * weight
    y += partners * (256 - weight)
    y += 128  # so that the shift rounds
    y >>= 8
    return y.astype(xp.uint8), rounded / 256


def _cutmix(images, partners, lam, rng):
    """-> images, and lam as the fraction of pixels that remain."""
    _, h, w, _ = images.shape
    side, centre = np.sqrt(1 - lam), rng.random((2, len(lam)))
    ends = []
    for size, middle in zip((h, w), centre, strict=True):
        length = np.rint(size * side).astype(int)
        start = (size * middle).astype(int) - length // 2
        ends += [start.clip(0, size), (start + length).clip(0, size)]
    mask = to_device(rectangles(*ends, images.shape), array_module(images))
    top, bottom, left, right = ends
    return paste(images, partners, mask), 1 - (bottom - top) * (right - left) / (h * w)
