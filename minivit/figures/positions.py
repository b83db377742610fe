"""How similar the position embeddings are: does the model know where its patches are?"""

import numpy as np

from ..errors import ConfigError
from ..layers.grid_positions import sincos
from .drawing import Drawing, canvas

MOST = 8  # tiles in a row: of a larger grid, every second, third, ... patch has one


def cosine_similarity(x):
    """x (N, D) -> (N, N): the cosine of the angle between rows i and j; 0 where a row is zero."""
    lengths = np.sqrt((x * x).sum(axis=1, keepdims=True))
    unit = x / np.where(lengths > 0, lengths, 1)
    return unit @ unit.T


def tiled(similarity, grid, step=1):
    """A tile for each patch (or every `step`th), at the patch's place: its row of `similarity`.

    similarity (N, N); grid: rows and columns of patches -> a picture of n x m tiles, with lines of
    nan between them, and the rows and the columns that have tiles.
    """
    height, width = grid
    chosen = [np.arange(min(step // 2, side - 1), side, step) for side in grid]
    sides = (len(c) * (side + 1) - 1 for c, side in zip(chosen, grid, strict=True))
    picture = np.full(tuple(sides), np.nan)
    for i, row in enumerate(chosen[0]):
        for j, column in enumerate(chosen[1]):
            top, left = i * (height + 1), j * (width + 1)
            tile = similarity[row * width + column].reshape(grid)
            picture[top : top + height, left : left + width] = tile
    return picture, chosen


def added(trained):
    """What the model adds to each patch, (N, D). Raises ConfigError where it adds nothing."""
    c, part = trained.config, trained.model.parts.get("position")
    if part is None:
        raise ConfigError(
            f"the figure positions needs positions that are added to the patches; this model has "
            f"{c.position}"
        )
    zeros = np.zeros((1, c.tokens, c.dim), np.float32)
    return part.forward(trained.params.get("position", {}), zeros)[0][0, -c.patches :]


def draw(subject):
    """One figure: the trained embeddings, and beside them a start that has a structure."""
    trained = subject.trained
    c = trained.config
    panels = {"after training": added(trained)}
    from_seed = "from" not in trained.about  # a run that began with another model's did not
    if from_seed and c.init == "mimetic" and c.position.startswith("learned"):
        panels = {"at the start": sincos(*c.grid, c.dim), **panels}
    similarities = {title: cosine_similarity(pos) for title, pos in panels.items()}
    lowest = min(similarity.min() for similarity in similarities.values())
    lowest = max(-1, np.floor(10 * min(lowest, 0.95)) / 10)
    figure = canvas(3.15, 3.1 * len(panels) + 0.7)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for panel, (title, similarity) in zip(axes, similarities.items(), strict=True):
        step = -(-max(c.grid) // MOST)
        picture, chosen = tiled(similarity, c.grid, step)
        image = panel.imshow(picture, vmin=lowest, vmax=1)
        for side, places, set_ticks in zip(
            c.grid, chosen, (panel.set_yticks, panel.set_xticks), strict=True
        ):
            set_ticks(np.arange(len(places)) * (side + 1) + (side - 1) / 2, places)
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_title(title if len(panels) > 1 else "")
        panel.set_xlabel("column of the patch")
    axes[0].set_ylabel("row of the patch")
    bar = figure.colorbar(image, ax=list(axes), shrink=0.8, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("cosine similarity")
    caption = (
        "Similarity of the position embeddings. Each tile belongs to the patch at its place, and "
        "shows how similar that patch's embedding is to those of all patches."
    )
    if step > 1:
        caption += f" There is one for every {ordinal(step)} patch."
    if len(panels) > 1:
        caption += " Left the start (init mimetic: sines and cosines), right after training."
    if c.position == "every-block":
        caption += " Those before the first block; the other blocks have their own."
    if c.position == "every-block-shared":
        caption += " They are added before every block."
    return [Drawing("positions", figure, caption)]


def ordinal(number):
    """2 -> "second", 3 -> "third", 4 -> "4th"."""
    return {2: "second", 3: "third"}.get(number, f"{number}th")
