"""Accuracy against the shift of the images, for one or more models."""

from .drawing import COLOURS, MARKERS, WIDTH, Drawing, canvas


def draw_shift(curves, direction):
    """One figure of `evaluation.shift.ShiftCurve`s: accuracy, and predictions that stay."""
    figure = canvas(2.9 + 0.19 * -(-len(curves) // 2), WIDTH)
    panels = figure.subplots(1, 2, sharex=True)
    for panel, part, label in zip(
        panels, ("accuracy", "same"), ("accuracy (%)", "same class as unshifted (%)"), strict=True
    ):
        for i, curve in enumerate(curves):
            values = [100 * value for value in getattr(curve, part)]
            whole = [k for k, pixels in enumerate(curve.pixels) if curve.whole_patches(pixels)]
            look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
            panel.plot(curve.pixels, values, markevery=whole, ms=5, label=curve.name, **look)
        panel.set_xlabel(f"shift {direction} (pixels)" if direction != "diagonal" else
                         "shift right and down (pixels)")  # fmt: skip
        panel.set_ylabel(label)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, handlelength=3)
    caption = (
        f"{curves[0].count:,} test images moved cyclically. Markers: shifts by whole patches. "
        "Right: the share of images whose predicted class is that of the image as it was."
    )
    return Drawing("shift", figure, caption)
