"""MixUp and CutMix: train on two pictures at once, and ask for both labels in proportion."""

import math

import numpy as np

from ...arrays.backend import array_module, to_device
from ...errors import ConfigError
from .erase import paste, rectangles


def mix(images, labels, classes, rng, mixup=0.8, cutmix=1.0):
    """Mix each picture with a partner from the batch, by MixUp or CutMix with equal chance.

        MixUp   y = lam * x + (1 - lam) * partner                  lam ~ Beta(mixup, mixup)
        CutMix  y = partner within a rectangle, x elsewhere        lam ~ Beta(cutmix, cutmix)
        target  = lam * one_hot(label) + (1 - lam) * one_hot(partner's label)

    images (B, H, W, C) uint8, labels integers (B,), rng a NumPy Generator
    -> images (B, H, W, C) uint8, targets (B, classes) float32, whose rows sum to 1.

    Each picture draws for itself, which costs no more than one draw for the batch and makes
    batches more alike. Partners are a permutation of the batch. The targets have the lam that the
    pixels have: whole 256ths in MixUp; in CutMix the share of pixels that are left, once the
    rectangle (1 - lam of the area, around any pixel) is cut to the picture. A rate of 0 turns its
    half off; with both 0 the images themselves come back. Raises ConfigError for a rate below 0.

    Sources: Zhang et al. 2017, arXiv:1710.09412, section 2; Yun et al. 2019, arXiv:1905.04899,
    eqs. 1 and 2.
    """
    if not (0 <= mixup < math.inf and 0 <= cutmix < math.inf):
        raise ConfigError(
            f"mixup and cutmix must be numbers from 0 up; got {mixup!r} and {cutmix!r}"
        )
    xp, b = array_module(images), len(images)
    one_hot = (labels[:, None] == xp.arange(classes)).astype(xp.float32)
    if not mixup and not cutmix:
        return images, one_hot
    cut = rng.random(b) < (0.5 if mixup and cutmix else float(cutmix > 0))
    rate, partner = np.where(cut, cutmix, mixup), rng.permutation(b)
    lam, out = rng.beta(rate, rate), xp.empty_like(images)
    for blend, group in ((_paste, np.flatnonzero(cut)), (_average, np.flatnonzero(~cut))):
        here, there = to_device(group, xp), to_device(partner[group], xp)
        out[here], lam[group] = blend(images[here], images[there], lam[group], rng)
    lam = to_device(lam.astype(np.float32), xp)[:, None]
    return out, lam * one_hot + (1 - lam) * one_hot[to_device(partner, xp)]


def _average(images, partners, lam, _):
    """MixUp -> pictures, and lam as it became: in 256ths, so that 16 bits hold the sum."""
    xp = array_module(images)
    share = np.rint(256 * lam).astype(np.uint16)
    mine = to_device(share, xp)[:, None, None, None]
    y = images * mine
    y += partners * (256 - mine)
    y += 128  # to round
    y >>= 8
    return y.astype(xp.uint8), share / 256


def _paste(images, partners, lam, rng):
    """CutMix -> pictures, and lam as it became: the share of pixels that are left."""
    _, h, w, _ = images.shape
    side, centre = np.sqrt(1 - lam), rng.random((2, len(lam)))
    ends = []
    for size, middle in zip((h, w), centre, strict=True):
        length = np.rint(size * side).astype(int)
        start = (size * middle).astype(int) - length // 2
        ends += [start.clip(0, size), (start + length).clip(0, size)]
    inside = to_device(rectangles(*ends, images.shape), array_module(images))
    top, bottom, left, right = ends
    return paste(images, partners, inside), 1 - (bottom - top) * (right - left) / (h * w)
