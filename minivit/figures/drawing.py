"""How figures look, and how they are written to files."""

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BackendError, RunError
from ..storage import atomic, own_files
from ..text import printable

FORMATS = ("png", "svg", "pdf")
WIDTH = 7.0  # inches: a page's width, and 700 pixels at 100 dots per inch
# Okabe & Ito 2008, "Color universal design": eight colours that all kinds of eyes tell apart. Of
# two neighbours one is darker, so that they differ in grey as well.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#8C8C8C")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.linewidth": 0.5,
    "grid.color": "#DDDDDD",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "minivit",  # the same figure is the same bytes
    "text.parse_math": False,  # a class may be called "$5"
}

MADE_BY = {  # what a file of each format says of itself; no dates, so that it is always the same
    "png": {"Software": own_files.MARK},
    "svg": {"Creator": own_files.MARK, "Date": None},
    "pdf": {"Creator": own_files.MARK, "CreationDate": None},
}


class Drawing(NamedTuple):
    """A matplotlib figure; `name` is that of its file, and `caption` says what it shows."""

    name: str
    figure: Any
    caption: str


def require_matplotlib():
    """Raise BackendError where matplotlib cannot be used."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise BackendError("drawing figures needs matplotlib: pip install matplotlib") from None
    except Exception as error:  # such as a variable MPLBACKEND that it does not know
        raise BackendError(f"matplotlib does not start here ({error}); mend that.") from None


@contextmanager
def style():
    """Within this, figures look as they do here, whatever the user's own settings are."""
    require_matplotlib()
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")  # a class's name may have letters that no font here has
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def canvas(height, width=WIDTH):
    """An empty figure of so many inches, which no window system is needed for."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bare(axes):
    """Leave out what is no picture: ticks, labels and, but for a hair line, the frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def show(axes, picture):
    """A picture (H, W, C) uint8 in bare axes: colour, or grey where there is one channel."""
    bare(axes)
    if picture.shape[-1] == 3:
        axes.imshow(picture)
    else:  # channels that are no colours: their mean
        axes.imshow(picture.mean(axis=-1), cmap="gray", vmin=0, vmax=255)


def save(drawing, directory, formats=("png",), dpi=200):
    """Write the drawing to directory/NAME.FORMAT for each format -> list of paths.

    A file is complete, or not there. Raises RunError if one cannot be written, or is there and no
    figure of minivit's; BackendError if matplotlib fails.
    """
    paths = [Path(directory) / f"{drawing.name}.{form}" for form in formats]
    for path in paths:
        own_files.refuse_others(path, mark=own_files.MARK.encode())
    with style():
        for path, form in zip(paths, formats, strict=True):
            with atomic.replacing(path, RunError) as temporary:
                try:
                    drawing.figure.savefig(temporary, format=form, dpi=dpi, metadata=MADE_BY[form])
                except OSError:
                    raise
                except Exception as error:  # fonts, files and settings of this machine
                    words = f"{type(error).__name__}: {error}"
                    raise BackendError(f"matplotlib could not draw {path} ({words}).") from error
    return paths


def short(name, most):
    """A name that takes at most so many characters."""
    name = printable(name)
    return name if len(name) <= most else name[: most - 1] + "…"
