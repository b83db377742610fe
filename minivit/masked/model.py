"""MaskedViT: a Vision Transformer that guesses the patches it does not see."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..arrays.doors import explained
from ..arrays.keys import at
from ..layers import ClassPool, Linear, MeanPool
from ..vit import HEAD, ViT
from .corrupt import CorruptPatches
from .objective import objective_of
from .pick import PickPatches

ENCODER_ENDS = ("pool", *HEAD)  # parts of a classifier that this model has not


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is predicted of the corrupted patches: values (B, n, outputs), patches (B, n).

    As a NumPy array it is its values; its length is the number of images.
    """

    values: Any
    patches: Any

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class MaskedViT(ViT):
    """A ViT whose patches are corrupted before the blocks; its head reads the corrupted ones.

        x      = patch(patchify(images))                          (B, N, D)
        x      = mask(x)                                          (B, N, D), half of it hidden
        x      = blocks(position(class_token(x)))                 (B, T, D)
        values = head(pick(norm(x)))                              (B, n, outputs)

    Parameters, gradients and caches as in `ViT`; the encoder's have its names. `mask` and `pick`
    share a key, so that they mean the same patches. In evaluation too patches are corrupted.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, appendix B.1.2.
    """

    @cached_property
    def parts(self):
        """The layers by name, in the order in which they are applied."""
        c, parts = self.config, {}
        for name, part in ViT(c).parts.items():
            if name not in ENCODER_ENDS:
                parts[name] = part
            if name == "patch":
                parts["mask"] = CorruptPatches(c.dim, c.mask_share)
        parts["pick"] = PickPatches(c.mask_share, c.prefix_tokens)
        parts["head"] = Linear(c.dim, objective_of(c).outputs, zero=True)
        return parts

    @property
    def encoder_parts(self):
        """The parts that see a whole image, and its pooling: for looking inside the model."""
        parts = {n: p for n, p in self.parts.items() if n not in ("mask", "pick", "head")}
        return {**parts, "pool": ClassPool() if self.config.pool == "class" else MeanPool()}

    def forward(self, params, images, key=None):
        """images (B, H, W, C), floats -> `Prediction`, cache. key: a `Key`, or None."""
        self.check(params, images)
        x, cache, mask_key = images, {}, at(key, "mask")
        with explained(params, lambda: self.init(None)):
            for name, part in self.parts.items():
                part_key = mask_key if name in ("mask", "pick") else at(key, name)
                own = params.get(self.owner(name), {})
                x, cache[name] = part.forward(own, x, part_key)
        return Prediction(x, cache["pick"][0] - self.config.prefix_tokens), cache

    def predict(self, params, images):
        """images (B, H, W, C) -> `Prediction`. Drops the cache of each part at once."""
        self.check(params, images)
        x = images
        with explained(params, lambda: self.init(None)):
            for name, part in self.parts.items():
                x, cache = part.forward(params.get(self.owner(name), {}), x)
                if name == "pick":
                    patches = cache[0] - self.config.prefix_tokens
        return Prediction(x, patches)
