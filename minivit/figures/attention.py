"""Where one token attends to, in every head of every block, over the picture."""

import math

import numpy as np

from ..errors import ConfigError
from .drawing import WIDTH, Drawing, canvas, show
from .overlay import overlay, scale_bar, scaled
from .subject import of_attention


def draw(subject):
    """A figure for each picture: heads are rows, blocks are columns."""
    trained, shown = subject.trained, subject.shown
    shown = shown.first(subject.closely)
    token, words = query(trained.config, subject.patch)
    drawings = []
    every = of_attention(trained, shown.images, lambda weights: weights[:, :, :, token])
    for i, (picture, name) in enumerate(zip(shown.images, shown.names, strict=True)):
        maps = patch_maps(every[i], trained.config)
        figure = _figure(picture, maps, trained.config, token)
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
    (rows, columns), spare = config.grid, config.prefix_tokens
    if patch is None and spare:
        return 0, "of the class token"
    row, column = patch or (rows // 2, columns // 2)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ConfigError(
            f"--patch {row},{column} is outside of the image, which has {rows} x {columns} "
            f"patches: rows count from 0 to {rows - 1}, columns from 0 to {columns - 1}"
        )
    words = f"of the patch in row {row}, column {column} (boxed)"
    if patch is None:
        words += f", as with {config.pool} pooling there is no class token,"
    return spare + row * columns + column, words


def patch_maps(weights, config):
    """Weights (..., T keys) -> (..., rows, columns) of the patches; a class token is left out."""
    return weights[..., -config.patches :].reshape(*weights.shape[:-1], *config.grid)


def _figure(picture, maps, config, token):
    """maps (depth, heads, rows, columns): the picture, and beside it a tile for each map."""
    depth, heads = maps.shape[:2]
    first, rest, cell = 1.3, 1.15, min(0.8, (WIDTH - 2.5) / depth)  # inches
    figure = canvas(max(first + 0.2, cell * heads + 0.6), first + rest + cell * depth)
    figure.get_layout_engine().set(h_pad=0.1)  # it leaves too little room above the title
    left, right = figure.subplots(1, 2, width_ratios=(first, rest + cell * depth))
    show(left, picture)
    draw_box(left, config, token, config.patch_shape)
    small = smaller(picture, config.patch_shape)
    tiles, (down, across) = mosaic(small, maps)
    right.imshow(tiles)
    cell = [side // n for side, n in zip(small.shape, config.grid, strict=False)]
    for h, i in np.ndindex(heads, depth):
        draw_box(right, config, token, cell, (i * across, h * down))
    right.set_xticks(*labels(depth, across, (small.shape[1] - 1) / 2))
    right.set_yticks(*labels(heads, down, (small.shape[0] - 1) / 2))
    right.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    right.set_title("block")
    right.set_ylabel("head")
    right.spines[:].set_visible(False)
    scale_bar(figure, right, "weight / largest weight")
    return figure


def smaller(picture, patch, most=128):
    """The picture with sides of at most `most` pixels, if patches keep whole pixels then.

    patch: height and width of one.
    """
    height, width = picture.shape[:2]
    common = math.gcd(*patch)
    factors = [f for f in range(1, common + 1) if common % f == 0]
    factor = next((f for f in factors if max(height, width) / f <= most), common)
    blocks = picture.reshape(height // factor, factor, width // factor, factor, -1)
    return blocks.mean(axis=(1, 3))


def mosaic(picture, maps):
    """maps (depth, heads, ...) over the picture -> one image of all, and the pixels from a tile to
    the one below it, and to the one on its right.

    Blocks are columns and heads are rows, with white between. One image is drawn much faster than
    hundreds.
    """
    depth, heads = maps.shape[:2]
    height, width = picture.shape[:2]
    gap = -(-max(height, width) // 24)
    down, across = height + gap, width + gap
    tiles = np.full((heads * down - gap, depth * across - gap, 3), 255, np.uint8)
    for h, i in np.ndindex(heads, depth):
        top, left = h * down, i * across
        tile = overlay(picture, scaled(maps[i, h]))
        tiles[top : top + height, left : left + width] = np.rint(255 * tile)
    return tiles, (down, across)


def labels(count, step, middle):
    """(places, numbers) of rows or columns: all, or every second where there are many."""
    shown = np.arange(0, count, 1 if count <= 16 else 2)
    return shown * step + middle, shown


def draw_box(axes, config, token, patch, at=(0, 0)):
    """A frame around the patch `token`, white in black, to be seen on any ground.

    patch: height and width of one, at: left and top of the picture, in pixels of the axes. A class
    token is no patch: nothing is drawn.
    """
    from matplotlib.patches import Rectangle

    place = token - config.prefix_tokens
    if place < 0:
        return
    (row, column), (height, width) = divmod(place, config.grid[1]), patch
    corner = at[0] + column * width - 0.5, at[1] + row * height - 0.5
    for line, colour in ((2.2, "black"), (1.0, "white")):
        axes.add_patch(Rectangle(corner, width, height, fill=False, lw=line, ec=colour))
