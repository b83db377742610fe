"""What a batch goes through before it is trained on: from stored pictures to varied ones."""

from dataclasses import dataclass

from .crop_flip import crop_and_flip
from .erase import random_erasing
from .mix import mix
from .policies import rand_augment

POLICIES = {
    "none": lambda images, rng: images,
    "rand": rand_augment,
}


@dataclass(frozen=True)
class Preparation:
    """The augmentations that are on, in the order in which they are done.

    augment: `crop_and_flip`. policy: a name of POLICIES. erasing: the chance that a picture loses
    a rectangle. mixup, cutmix: their rates, 0 for off (see `mix`), among `classes`.
    """

    augment: bool = True
    policy: str = "none"
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    classes: int = 10

    def __call__(self, images, labels, rng):
        """images (B, H, W, C) uint8, labels (B,) -> images, and labels or targets (B, classes)."""
        if self.augment:
            images = crop_and_flip(images, rng)
        images = POLICIES[self.policy](images, rng)
        if self.erasing:
            images = random_erasing(images, rng, self.erasing)
        if self.mixup or self.cutmix:
            return mix(images, labels, self.classes, rng, self.mixup, self.cutmix)
        return images, labels
