"""The sweep as a figure: the error of each gradient against the step, both axes logarithmic."""

from pathlib import Path

from ..errors import ConfigError
from ..figures.drawing import COLOURS, FORMATS, MARKERS, Drawing, canvas, save, style
from ..gradcheck import LAYER_TOLERANCE, STEP

LARGEST = 8  # as many lines as there are colours
FLOOR = 1e-17  # an error of 0 is drawn here: logarithmic axes have no 0


def check_file(file):
    """Raise ConfigError unless the file's name ends in a format of figures."""
    if Path(file).suffix.lower().removeprefix(".") not in FORMATS:
        raise ConfigError(f"--figure {file}: name a file that ends in .{', .'.join(FORMATS)}.")


def draw(swept, name, file):
    """Draw the sweep of the layer `name` into the file. Raises BackendError without matplotlib."""
    path = Path(file)
    with style():
        figure = canvas(3.6)
        axes = figure.add_subplot()
        leaves = [check.leaf for check in swept[0].checks]
        worst = {leaf: max(_error(each, leaf) for each in swept) for leaf in leaves}
        shown = sorted(leaves, key=lambda leaf: -worst[leaf])[:LARGEST]
        steps = [each.step for each in swept]
        for leaf, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
            errors = [max(_error(each, leaf), FLOOR) for each in swept]
            axes.loglog(steps, errors, color=colour, marker=marker, markersize=4, label=leaf)
        guide = {"color": "#8C8C8C", "linewidth": 0.8, "linestyle": "--"}
        axes.axhline(LAYER_TOLERANCE, **guide)
        axes.axvline(STEP, **guide)
        beside = {"textcoords": "offset points", "color": "#5A5A5A", "fontsize": 8}
        axes.annotate("tolerance", (steps[-1], LAYER_TOLERANCE), xytext=(0, 3), **beside)
        bottom = (STEP, 0.02)  # the height as a share of the axes
        axes.annotate(
            "the step used", bottom, xytext=(3, 0), xycoords=("data", "axes fraction"), **beside
        )
        for axis in (axes.xaxis, axes.yaxis):  # plain text: mathematics is off, see STYLE
            axis.set_major_formatter(lambda value, _: f"{value:.0e}")
        axes.set_xlabel("step h")
        axes.set_ylabel("relative error of the gradient")
        axes.grid(True)
        axes.legend(title=_title(name, leaves, shown), loc="best")
        drawing = Drawing(path.stem, figure, "the error of finite differences against their step")
        save(drawing, path.parent, (path.suffix.lower().removeprefix("."),))


def _title(name, leaves, shown):
    return name if len(leaves) == len(shown) else f"{name}: the {len(shown)} largest"


def _error(each, leaf):
    """The error of a leaf at one step; one that is not finite is drawn at 1e9."""
    error = next(check.error for check in each.checks if check.leaf == leaf)
    return error if error < 1e9 else 1e9
