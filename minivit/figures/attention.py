"""Where one token attends to, in every head of every block, over the picture."""

import numpy as np

from ..errors import ConfigError
from .drawing import WIDTH, Drawing, canvas, show
from .overlay import scale_bar, scaled, show_overlay
from .subject import grid_side, of_attention


def draw(subject):
    """A figure for each picture: heads are rows, blocks are columns."""
    trained, shown = subject.trained, subject.shown
    shown = shown.first(subject.closely)
    token, words = query(trained.config, subject.patch)
    drawings = []
    every = of_attention(trained, shown.images, lambda weights: weights[:, :, :, token])
    for i, (picture, name) in enumerate(zip(shown.images, shown.names, strict=True)):
        maps = patch_maps(every[i], trained.config)
        figure = _figure(picture, maps, box(trained.config, token))
        suffix = f"-{i + 1}" if len(shown.images) > 1 else ""
        caption = f"Attention {words} over the picture ({name}). {SCALE}"
        drawings.append(Drawing(f"attention{suffix}", figure, caption))
    return drawings


SCALE = "Each map is divided by its largest weight."


def query(config, patch=None):
    """The token whose attention is shown, and how to call it -> (index, words).

    The class token, or where there is none, or where `patch` (row, column) is given, a patch: by
    default the one in the middle. Raises ConfigError for a patch outside of the image.
    """
    side, spare = grid_side(config), config.tokens - config.patches
    if patch is None and spare:
        return 0, "of the class token"
    row, column = patch or (side // 2, side // 2)
    if not (0 <= row < side and 0 <= column < side):
        raise ConfigError(
            f"--patch {row},{column} is outside of the image, which has {side} x {side} patches: "
            f"rows and columns count from 0 to {side - 1}"
        )
    words = f"of the patch in row {row}, column {column} (boxed)"
    if patch is None:
        words += f", as with {config.pool} pooling there is no class token,"
    return spare + row * side + column, words


def patch_maps(weights, config):
    """Weights (..., T keys) -> (..., rows, columns) of the patches; a class token is left out."""
    side = grid_side(config)
    return weights[..., -config.patches :].reshape(*weights.shape[:-1], side, side)


def box(config, token):
    """(left, top, side) of a patch in pixels; None for the class token."""
    place = token - (config.tokens - config.patches)
    if place < 0:
        return None
    row, column = divmod(place, grid_side(config))
    return column * config.patch_size - 0.5, row * config.patch_size - 0.5, config.patch_size


def _figure(picture, maps, at):
    """maps (depth, heads, rows, columns)."""
    depth, heads = maps.shape[:2]
    first, rest, cell = 1.3, 1.15, min(0.8, (WIDTH - 2.45) / depth)  # inches
    figure = canvas(max(first + 0.2, cell * heads + 0.5), first + rest + cell * depth)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    left, right = figure.subfigures(1, 2, width_ratios=(first, rest + cell * depth))
    axes = left.subplots()
    show(axes, picture)
    draw_box(axes, at)
    panels = right.subplots(heads, depth, squeeze=False)
    for h, i in np.ndindex(heads, depth):
        axes = panels[h, i]
        show_overlay(axes, picture, scaled(maps[i, h]))
        draw_box(axes, at)
        if h == 0 and shows_number(i, depth):
            axes.set_title(i, pad=3)
        if i == 0 and shows_number(h, heads):
            axes.set_ylabel(h, rotation=0, ha="right", va="center")
    right.suptitle("block", fontsize=9)
    right.supylabel("head", fontsize=9)
    scale_bar(right, list(panels.flat), "weight / largest weight")
    return figure


def shows_number(index, count):
    """Whether there is room for the number of this row or column."""
    return count <= 16 or index % 2 == 0


def draw_box(axes, at):
    """A frame around the patch whose attention is shown: white in black, seen on any ground."""
    from matplotlib.patches import Rectangle

    if at:
        left, top, side = at
        for width, colour in ((2.2, "black"), (1.0, "white")):
            frame = Rectangle((left, top), side, side, fill=False, lw=width, ec=colour)
            axes.add_patch(frame)
