"""The augmentations of a training batch, and their order."""

from dataclasses import dataclass

import numpy as np

from ...arrays.backend import array_module
from .crop_flip import crop_and_flip
from .erase import random_erasing
from .mix import mix
from .policies import rand_augment
from .share import Share

POLICIES = {
    "none": lambda images, rng: images,
    "rand": rand_augment,
}


@dataclass(frozen=True)
class Preparation:
    """Which augmentations are on, in the order in which they are applied.

    crop_and_flip   whether images are cropped and flipped at random
    crop            by how many pixels the crop shifts them at most
    policy          a name of POLICIES
    erasing         the probability that a rectangle of an image is hidden
    mixup, cutmix   the parameters of their Beta distributions, 0 for off (see `mix`)
    classes         how many classes the labels have, for MixUp and CutMix
    """

    crop_and_flip: bool = True
    crop: int = 4
    policy: str = "none"
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    classes: int = 10

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """images (B, H, W, C) uint8 -> the same shape; labels (B,) -> labels, or what `mix` makes.

        With MixUp or CutMix the labels become targets (B, classes) float32. Without, they are
        returned as they are, whatever they are. NumPy or CuPy arrays.
        """
        if self.crop_and_flip:
            images = crop_and_flip(images, rng, self.crop)
        images = POLICIES[self.policy](images, rng)
        if self.erasing:
            images = random_erasing(images, rng, self.erasing)
        if self.mixup or self.cutmix:
            return mix(images, labels, self.classes, rng, self.mixup, self.cutmix)
        return images, labels

    @property
    def part_by_part(self) -> bool:
        """Whether a part of a batch can be prepared without the others: no erasing, no mixing."""
        return not (self.erasing or self.mixup or self.cutmix)

    def part(self, images, labels, chosen, rng, own):
        """A batch of which only the slice `own` is prepared, as if it were with all the others.

        images, labels: all there are; chosen: (B,) indices of the batch -> images (B, H, W, C), not
        filled in but for `own`, and all their labels (B, ...).
        """
        batch = array_module(images).empty((len(chosen), *images.shape[1:]), images.dtype)
        if own.start < own.stop:
            share = Share(rng, len(chosen), own)
            batch[own], _ = self(images[chosen[own]], labels[chosen[own]], share)
        return batch, labels[chosen]
