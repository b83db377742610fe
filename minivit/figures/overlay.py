"""A map of the patches over the picture that they were cut from."""

import numpy as np

from .drawing import bare


def overlay(picture, values, strength=0.6):
    """Colours over a picture in grey -> (H, W, 3) floats in 0..1.

    picture (H, W, C) uint8; values (rows, columns), one a patch, in 0..1. viridis, which rises in
    lightness and so can be read in grey and by colour-blind eyes; `strength` of it, the rest is the
    picture.
    """
    from matplotlib import colormaps

    grey = picture.mean(axis=-1) / 255
    height, width = (side // n for side, n in zip(grey.shape, values.shape, strict=True))
    colours = colormaps["viridis"](values)[..., :3]
    colours = colours.repeat(height, axis=0).repeat(width, axis=1)
    return strength * colours + (1 - strength) * grey[..., None]


def show_overlay(axes, picture, values):
    """The same in bare axes."""
    bare(axes)
    axes.imshow(overlay(picture, values))


def scaled(values):
    """`values` (rows, columns), none below 0, divided by the largest; zeros stay zeros."""
    return values / max(values.max(), np.finfo(values.dtype).tiny)


def scale_bar(figure, axes, label):
    """The colours from 0 to 1, beside `axes`."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), "viridis"), ax=axes, shrink=0.8, aspect=30, pad=0.02
    )
    bar.outline.set_visible(False)
    bar.set_label(label)
    bar.set_ticks([0, 0.5, 1])
