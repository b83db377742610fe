"""The patch embedding's filters, or a stem's first ones: what is looked for in a patch."""

import numpy as np

from .drawing import Drawing, bare, canvas
from .pca import principal_components

MOST, ACROSS = 28, 7  # components, as in the paper's figure


def filters(trained):
    """The filters (D, R, S, C): R and S are height and width of a patch with its overlap.

    With a stem, those of its first convolution: of its windows.
    """
    c = trained.config
    if stem := trained.model.parts.get("stem"):
        name, first = stem.layers[0]
        w = trained.params["stem"][name]["w"]
        return w.T.reshape(first.c_out, first.size, first.size, c.channels)
    window = (side + 2 * c.patch_overlap for side in c.cut)
    return trained.params["patch"]["w"].T.reshape(c.dim, *window, c.channels)


def draw(subject):
    """One figure: the first 28 principal components of the filters."""
    trained = subject.trained
    every = filters(trained)
    flat = every.reshape(len(every), -1)
    count = min(MOST, *flat.shape)
    _, components, shares = principal_components(flat, count)
    components = components.reshape(count, *every.shape[1:])
    c = trained.config
    rows = -(-count // ACROSS)
    figure = canvas(0.88 * rows + 0.1, 5.2)
    axes = figure.subplots(rows, min(ACROSS, count), squeeze=False).ravel()
    for panel in axes:
        panel.axis("off")
    for panel, component, share in zip(axes, components, shares, strict=False):
        panel.axis("on")
        bare(panel)
        show_filter(panel, component)
        panel.set_title(f"{share:.1%}" if share < 0.0995 else f"{share:.0%}", fontsize=8, pad=3)
    over = f", with {c.patch_overlap} pixels more on every side" if c.patch_overlap else ""
    owner = "patch embedding" if c.stem == "none" else "stem's first convolution"
    height, width = (side - 2 * c.patch_overlap for side in every.shape[1:3])
    caption = (
        f"The first {count} principal components of the {len(every)} filters of the {owner} "
        f"({height} x {width} pixels{over}), with their shares of the variance. Grey "
        "is 0; a component's sign and scale mean nothing."
    )
    if subject.whitened:
        caption += (
            " They began as a whitening of the training images' patches, which makes the patterns "
            "strong that vary least in images: fine ones come first."
        )
    if c.channels not in (1, 3):
        caption += " Shown is the mean over channels."
    return [Drawing("filters", figure, caption)]


def show_filter(axes, component):
    """A filter (R, S, C), its zero in the middle of the range of brightness."""
    if component.shape[-1] != 3:
        component = component.mean(axis=-1)
    picture = 0.5 + 0.5 * component / max(abs(component).max(), np.finfo(float).tiny)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
