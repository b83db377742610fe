"""How far each head looks: the mean distance in the image, weighted by attention."""

import numpy as np

from .drawing import COLOURS, Drawing, canvas
from .subject import beginning, of_attention

MOST = 128  # images, as in the paper


def distances(grid, patch):
    """The distances in pixels between the middles of all patches, (N, N).

    grid: rows and columns of patches; patch: height and width of one.
    """
    places = np.argwhere(np.ones(grid)) * patch  # (N, 2): down, right
    steps = places[:, None] - places
    return np.sqrt((steps**2).sum(axis=-1))


def mean_distance(attention, grid, patch):
    """The mean distance in pixels from a patch to where it attends to, (...,).

    attention: (..., T queries, T keys). The mean is over the patches, with the weights of attention
    between patches; a class token, which is nowhere, is left out, and each patch's other weights
    are scaled to the sum 1.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7 (right) and appendix D.7.
    """
    n = grid[0] * grid[1]
    weights = attention[..., -n:, -n:]
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return (weights * distances(grid, patch)).sum(axis=-1).mean(axis=-1)


def draw(subject):
    """One figure: a dot for each head of each block."""
    trained, shown = subject.trained, subject.shown
    images = shown.first(MOST).images
    c = trained.config

    def means_of(model):
        """The mean distance of each head, (depth, heads)."""
        every = of_attention(model, images, lambda a: mean_distance(a, c.grid, c.patch_shape))
        return every.mean(axis=0)

    means, start = means_of(trained), beginning(trained)
    figure = canvas(3.0, 4.6)
    axes = figure.subplots()
    blocks = np.repeat(np.arange(c.depth), c.heads)
    colour = COLOURS[0]
    axes.plot(blocks, means.ravel(), "o", ms=5, color=colour, alpha=0.8, mew=0, label="a head")
    axes.plot(means.mean(axis=1), "-", lw=1, color=colour, label="mean of the block's heads")
    if start:
        look = {"color": COLOURS[1], "ms": 4, "mfc": "none", "label": "a head before training"}
        axes.plot(blocks, means_of(start).ravel(), "s", **look)
    even = distances(c.grid, c.patch_shape).mean()
    axes.axhline(even, ls="--", lw=1, color="black", label="equal weights for all patches")
    axes.set_xlabel("block")
    axes.set_ylabel("mean attention distance (pixels)")
    axes.set_ylim(0, 1.1 * max(even, means.max()) or 1)
    axes.set_xticks(range(0, c.depth, 1 if c.depth <= 16 else 4))
    axes.grid(axis="y")
    axes.legend(loc="lower right")
    before = " Squares: the weights that its seed begins with, but not whitened." if start else ""
    height, width, _ = c.image_shape
    caption = (
        f"Mean attention distance of every head, over {len(images)} image"
        f"{'s' if len(images) > 1 else ''} of {height} x {width} pixels and all "
        f"patches as queries. Dashed: equal weights for all patches.{before}"
    )
    return [Drawing("distance", figure, caption)]
