"""Attention rollout: which patches reach what the head reads, through all blocks."""

import numpy as np

from .. import inside
from ..data.normalise import normalise
from ..objective import Classification
from .attention import patch_maps
from .drawing import WIDTH, Drawing, canvas, short, show
from .overlay import scale_bar, show_overlay
from .subject import of_attention

MOST, ACROSS = 8, 4  # pictures, and how many of them side by side


def rollout(attention):
    """How much of each token's value comes from each token of the input: (..., T, T).

        a_i     = (mean over heads of attention in block i + identity) / 2
        rollout = a_last ... a_1 a_0

    attention: (..., depth, heads, T queries, T keys). The identity stands for the sum x + attn(x),
    which keeps a token beside what it collects. Rows sum to 1. What the MLPs do to a token, and how
    long the values are, is left out: it follows the weights only.

    Source: Abnar & Zuidema 2020, arXiv:2005.00928, section 3.
    """
    blocks = (attention.mean(axis=-3) + np.eye(attention.shape[-1])) / 2  # (..., depth, T, T)
    result = blocks[..., 0, :, :]
    for i in range(1, blocks.shape[-3]):
        result = blocks[..., i, :, :] @ result
    return result


def draw(subject):
    """One figure: up to eight pictures, each with the rollout over it."""
    trained, shown = subject.trained, subject.shown
    shown = shown.first(MOST)
    weights = inside.pool_weights(
        trained.model, trained.params, normalise(shown.images, trained.mean, trained.std)
    )
    reached = weights[:, None] @ of_attention(trained, shown.images, rollout)  # (B, 1, T)
    maps = patch_maps(reached[:, 0], trained.config)
    figure = _figure(shown, maps, predictions(trained, shown.images))
    caption = f"{CAPTION} {READS[trained.config.pool]} {SCALE}" + NAMES * bool(trained.classes)
    return [Drawing("rollout", figure, caption)]


CAPTION = (
    "Attention rollout (Abnar and Zuidema 2020, with the identity for the residual): how much each "
    "patch reaches what the head reads."
)
READS = {
    "class": "The head reads the class token.",
    "mean": "There is no class token: the head reads the mean of all tokens.",
    "sequence": "There is no class token: the head reads a weighted mean of all tokens.",
}
SCALE = "Each map goes from its smallest to its largest value."
NAMES = " Above: the picture's name → the class that the model gives it."


def predictions(trained, images):
    """The name of the class that the model finds most probable, for each image; else ""."""
    if not (trained.classes and isinstance(trained.objective, Classification)):
        return [""] * len(images)
    return [trained.classes[best] for best in trained.predict(images).argmax(axis=1)]


def _figure(shown, maps, names):
    across = min(ACROSS, len(maps))
    rows = -(-len(maps) // across)
    cell = (WIDTH - 0.7) / (2 * ACROSS)
    figure = canvas(rows * (cell + 0.25) + 0.1, 2 * across * cell + 0.7)
    axes = figure.subplots(rows, 2 * across, squeeze=False).reshape(-1, 2)
    for left, right in axes:
        left.axis("off")
        right.axis("off")
    for (left, right), image, name, values, answer in zip(
        axes, shown.images, shown.names, maps, names, strict=False
    ):
        left.axis("on")
        right.axis("on")
        show(left, image)
        left.set_title(
            f"{short(name, 11)} → {short(answer, 11)}" if answer else short(name, 24),
            loc="left",
            fontsize=7,
        )
        low, high = values.min(), values.max()
        show_overlay(right, image, (values - low) / max(high - low, np.finfo(float).tiny))
    scale_bar(figure, list(axes.flat), "rollout, scaled")
    return figure
