"""A Vision Transformer on smaller images, by the parameters it has for its full ones.

A step on fewer patches costs less, so a run may begin on small images, or on some of the patches,
and end on all.

Sources: Howard 2018, "Training Imagenet in 3 hours for 25 minutes" (small images first);
Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2 (positions interpolated to another size).
"""

from dataclasses import replace

import numpy as np

from ..arrays.backend import array_module, to_device
from ..errors import ConfigError
from ..vit import ViT


class SmallerViT:
    """The model of `config` at image_size `size`: full images and parameters in, logits out.

        small   = A x A^T           every channel of every image: (H, H) -> (S, S)
        few     = R pos             R = A_grid kron A_grid, the class token's row left as it is
        logits  = vit(small, params with few for pos)

        dpos    = R^T dfew          dx = A^T dsmall A

    A is `resampling`. Everything else of the parameters serves any size.
    Raises ConfigError unless `size` is a multiple of patch_size and no more than image_size.
    """

    def __init__(self, config, size):
        if size % config.patch_size or not 0 < size <= config.image_size:
            raise ConfigError(
                f"early_size must be a multiple of patch_size {config.patch_size}, at most "
                f"image_size {config.image_size}; got {size!r}"
            )
        self.model = ViT(replace(config, image_size=size))
        self.config = self.model.config
        self.pixels = resampling(config.image_size, size)  # A
        grid = resampling(config.image_size // config.patch_size, size // config.patch_size)
        spare = self.config.tokens - self.config.patches  # the class token stands nowhere
        self.places = np.eye(self.config.tokens, config.tokens)  # R
        self.places[spare:, spare:] = np.kron(grid, grid)

    def forward(self, params, images, key=None):
        """images (B, H, H, C), floats -> logits (B, classes), cache."""
        places = like(self.places, images)
        position = {"pos": places @ params["position"]["pos"]}
        small = resized(images, like(self.pixels, images))
        logits, cache = self.model.forward({**params, "position": position}, small, key)
        return logits, (places, cache)

    def backward(self, dlogits, cache):
        """dlogits (B, classes) -> dimages (B, H, H, C), grads, both of the full size."""
        places, cache = cache
        dsmall, grads = self.model.backward(dlogits, cache)
        position = {"pos": places.T @ grads["position"]["pos"]}
        return resized(dsmall, like(self.pixels, dsmall).T), {**grads, "position": position}


def early_model(model, drop=0.0, size=0):
    """The model that takes a ViT's place early in a run, with the same parameters.

    The ViT itself if both are 0.

    drop: the share of patches left out, whatever the model's own patch_dropout; size: the pixels a
    side of smaller images, 0 for full ones.
    """
    config = replace(model.config, patch_dropout=drop) if drop else model.config
    if size:
        return SmallerViT(config, size)
    return ViT(config) if drop else model


def resampling(old, new):
    """A (new, old), so that A x is `new` samples of x (old,): linear between neighbours.

    A smaller x is a mean under a triangle as wide as two new samples, so that no pixel is
    skipped: Pillow's BILINEAR. Rows sum to 1.
    """
    step = old / new
    centres = (np.arange(new)[:, None] + 0.5) * step - 0.5  # in samples of x
    weights = (1 - abs(np.arange(old) - centres) / max(step, 1)).clip(0)
    return weights / weights.sum(axis=1, keepdims=True)


def resized(images, a):
    """images (B, H, H, C), a (S, H) -> (B, S, S, C), every channel a x a^T."""
    (s, h), (b, _, _, c) = a.shape, images.shape
    rows = a @ images.reshape(b, h, h * c)  # (B, S, H*C)
    columns = rows.reshape(b * s, h, c).swapaxes(1, 2).reshape(-1, h) @ a.T  # (B*S*C, S)
    return columns.reshape(b, s, c, s).swapaxes(2, 3)


def like(matrix, x):
    """The host's `matrix` where x is, in its dtype."""
    return to_device(matrix.astype(x.dtype), array_module(x))
