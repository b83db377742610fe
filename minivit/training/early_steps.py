"""The early steps of a run: the same parameters, but fewer tokens, so that a step costs less.

Tokens are saved by leaving out some of the patches, or by making the images smaller.

Sources: Howard 2018, "Training Imagenet in 3 hours for 25 minutes" (small images first);
Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2 (positions interpolated to another size).
"""

import math
from dataclasses import replace

from ..arrays.backend import array_module, to_device
from ..arrays.interpolation import bilinear
from ..costs import flops
from ..cuda.products import multiply
from ..errors import ConfigError
from ..layers import ResampledPositions
from ..vit import ViT


class SmallerViT:
    """The model of `config` on images shrunk to `size` pixels; its parameters are the full model's.

        small   = A x A^T           every channel of every image: (H, H) -> (S, S)
        logits  = vit(small)        with `ResampledPositions`

        dx      = A^T dsmall A

    A is `bilinear`; the positions are the only parameters that depend on the size. build: makes the
    model of a config; where its positions are frozen there is no dx.
    Raises ConfigError unless `size` is a multiple of patch_size and at most image_size.
    """

    def __init__(self, config, size, build=ViT):
        if config.image_shape[0] != config.image_shape[1] or isinstance(config.patch_size, tuple):
            raise ConfigError(
                f"early_size is for square images and patches; {config.image_size} pixels are cut "
                f"into {config.patch_size}: set early_size to 0"
            )
        if size % config.patch_size or not 0 < size <= config.image_size:
            raise ConfigError(
                f"early_size must be a multiple of patch_size {config.patch_size}, at most "
                f"image_size {config.image_size}; got {size!r}"
            )
        if config.position != "learned":
            raise ConfigError(
                f"early_size interpolates learned positions, and these are {config.position}: set "
                "early_size to 0"
            )
        self.model = build(replace(config, image_size=size))
        self.config = self.model.config
        self.pixels = bilinear(config.image_size, size)  # A
        self.on_device = {}  # A by module and dtype
        sizes = config.tokens, config.dim, config.grid, self.config.grid
        self.model.parts["position"] = ResampledPositions(*sizes, config.prefix_tokens)

    @property
    def parts(self):
        """The layers by name, those of the model of smaller images."""
        return self.model.parts

    def forward(self, params, images, key=None):
        """images (B, H, H, C), floats -> logits (B, classes), cache."""
        small = resized(images, self.matrix(images))
        return self.model.forward(params, small, key)

    def backward(self, dlogits, cache):
        """dlogits (B, classes) -> dimages (B, H, H, C), grads, both of the full size."""
        dsmall, grads = self.model.backward(dlogits, cache)
        if dsmall is None:  # the positions are frozen
            return None, grads
        return resized(dsmall, self.matrix(dsmall).T), grads

    def matrix(self, x):
        """A, in the dtype and on the device of x."""
        xp = array_module(x)
        how = xp, x.dtype.name
        if how not in self.on_device:
            self.on_device[how] = to_device(self.pixels.astype(x.dtype), xp)
        return self.on_device[how]


def early_model(model, drop=0.0, size=0, build=ViT):
    """The model that is trained in the early steps, with the parameters of `model`, a ViT.

    drop: the share of patches left out, instead of the model's own patch_dropout; size: the side of
    the smaller images in pixels, 0 for full ones. If both are 0 it is `model` itself. build: makes
    the model of a config.
    """
    config = replace(model.config, patch_dropout=drop) if drop else model.config
    if size:
        return SmallerViT(config, size, build)
    return build(config) if drop else model


def resized(images, a):
    """images (B, H, H, C), a (S, H) -> (B, S, S, C), every channel a x a^T."""
    (s, h), (b, _, _, c), xp = a.shape, images.shape, array_module(images)
    images = xp.ascontiguousarray(images).reshape(b, h, h * c)
    each = xp.ascontiguousarray(xp.broadcast_to(a, (b, s, h)))
    rows = multiply(each, images)  # (B, S, H*C)
    columns = rows.reshape(b * s, h, c).swapaxes(1, 2).reshape(1, -1, h)
    small = multiply(columns, each[:1], transpose_b=True)  # (1, B*S*C, S)
    return small.reshape(b, s, c, s).swapaxes(2, 3)


def share_of_work(trainer, step):
    """The share of a run's computation that its first `step` steps are, 0..1."""
    early_steps = math.floor(trainer.recipe.early_share * trainer.steps)
    models = trainer.early_model, trainer.model
    early, late = (flops(model.config, training=True) for model in models)

    def cost(step):
        return min(step, early_steps) * early + max(0, step - early_steps) * late

    return cost(step) / max(1, cost(trainer.steps))
