"""What augmentation does to twelve images before a training."""

from dataclasses import replace

import numpy as np

from ..arrays.keys import generator
from ..text import counted
from .drawing import Drawing, bare, canvas, show

IMAGES, ACROSS, DRAWS, SEED = 12, 6, 2, 0


def draw(subject):
    """One figure: each image, and below it twice what training would be given of it."""
    recipe, training = subject.recipe, subject.training
    training = training.first(IMAGES)
    if training.labels is None:  # so that a mixture can be named
        own = np.arange(len(training.images))
        training = replace(training, labels=own, classes=training.names)
    draws = augmented(recipe, training)
    across = min(ACROSS, len(training.images))
    blocks = -(-len(training.images) // across)
    mixed = any(targets.ndim > 1 for _, targets in draws)
    tall = blocks * (1.2 + DRAWS * (1.36 if mixed else 1.1))
    figure = canvas(tall, 1.1 * across + 0.3)
    parts = figure.subfigures(blocks, 1, squeeze=False, hspace=0.03)[:, 0]
    for k, part in enumerate(parts):
        axes = part.subplots(1 + DRAWS, across, squeeze=False)
        for column in range(across):
            at = k * across + column
            for panel in axes[:, column]:
                bare(panel)
            if at < len(training.images):
                _column(axes[:, column], training, draws, at)
        axes[0, 0].set_ylabel("original")
        for row in range(DRAWS):
            axes[1 + row, 0].set_ylabel(f"draw {row + 1}")
    caption = (
        f"Training images, and {DRAWS} draws of what the recipe does to them: {words(recipe)}."
    )
    if mixed:
        caption += " Below a mixture stand the shares of its classes."
    return [Drawing("augmentation", figure, caption)]


def augmented(recipe, training):
    """[(images, labels or targets (B, classes))] of every draw, always the same ones."""
    prepare = recipe.preparation(max(1, len(training.classes)))
    return [
        prepare(training.images.copy(), training.labels, generator(SEED, "augment", number, 0))
        for number in range(DRAWS)
    ]


def words(recipe):
    """The augmentations of a recipe, in words."""
    crop = "" if recipe.crop == type(recipe).crop else f" by up to {counted(recipe.crop, 'pixel')}"
    parts = [f"random crop{crop} and flip"] if recipe.augment else []
    parts += ["RandAugment"] if recipe.policy == "rand" else []
    for name, text in (("erasing", "random erasing"), ("mixup", "MixUp"), ("cutmix", "CutMix")):
        if value := getattr(recipe, name):
            parts.append(f"{text} {value:g}")
    return ", ".join(parts) or "nothing, as it has no augmentation"


def _column(panels, training, draws, at):
    """One image, and below it what becomes of it."""
    show(panels[0], training.images[at])
    panels[0].set_title(training.names[at])
    for panel, (images, targets) in zip(panels[1:], draws, strict=True):
        show(panel, images[at])
        if targets.ndim > 1:
            panel.set_xlabel(shares(targets[at], training.classes), fontsize=8)


def shares(target, classes):
    """The classes of a mixture, the largest first: "70% cat" and below it "30% dog"."""
    order = np.argsort(-target, kind="stable")[:2]
    return "\n".join(f"{target[i]:.0%} {classes[i]}" for i in order if target[i] > 0.005)
