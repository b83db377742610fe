"""An Evaluation as PNG pictures: reliability, confusions, classes, and the mistakes themselves.

Colours are those of Okabe and Ito and the map "cividis", which colour-blind eyes tell apart; what
matters is also told by place or by number.
"""

import io
import warnings

import numpy as np

from ..errors import BackendError
from ..storage import own_files
from .tables import shown

BLUE, SKY, ORANGE, GREY = "#0072B2", "#56B4E9", "#D55E00", "#8C8C8C"
DPI = 110
FILES = ("reliability.png", "confusion.png", "classes.png", "mistakes.png")  # the last if any
NUMBERS, NAMES = 20, 40  # up to so many classes have their numbers, their names in the confusions
LISTED, ROWS = 100, 25  # classes in the picture of the classes, and in one column of it
PICTURES, COLUMNS = 24, 6  # mistakes


def require_matplotlib():
    """Raise BackendError where matplotlib cannot be used: now, not after a long evaluation."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise BackendError(
            "figures need matplotlib: pip install matplotlib (or leave out --out)."
        ) from None
    except Exception as error:  # such as a variable MPLBACKEND that it does not know
        raise BackendError(
            f"figures need matplotlib, which does not start here ({error}); mend that, or leave "
            "out --out."
        ) from None


def draw(evaluation, part):
    """All pictures of a classification -> {file name: PNG bytes}.

    The user's own settings of matplotlib are left aside, so that the pictures are those that were
    looked at. Raises BackendError if matplotlib is missing or fails.
    """
    require_matplotlib()
    import matplotlib

    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            figures = _figures(evaluation.details, part)
            return {name: _png(figure) for name, figure in figures.items()}
    except Exception as error:  # fonts, files and settings of this machine
        words = f"{type(error).__name__}: {error}"
        raise BackendError(f"matplotlib could not draw the figures ({words}).") from error


def _figures(details, part):
    """{file name: a matplotlib Figure}."""
    of = f"{shown(part.dataset, 30)}, {part.counted()}"
    figures = {
        "reliability.png": reliability(details, of),
        "confusion.png": confusion(details, part.classes, of),
        "classes.png": classes(details, part.classes, of),
    }
    if not details.right.all():
        figures["mistakes.png"] = mistakes(details, part)
    return figures


def _figure(width, height):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # no window system is touched
    return figure


def _png(figure):
    memory = io.BytesIO()
    with warnings.catch_warnings():  # a name may have letters that no font here has
        warnings.simplefilter("ignore")
        figure.savefig(memory, format="png", dpi=DPI, metadata={"Software": own_files.MARK})
    return memory.getvalue()


def reliability(details, of):
    """The accuracy in each bin of confidence against the confidence; below, how many images."""
    figure, found = _figure(5.6, 6), details.calibration
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    left, bars = found.edges[:-1], {"width": np.diff(found.edges), "align": "edge"}
    accuracy = np.nan_to_num(found.accuracy)
    gap = np.nan_to_num(found.confidence - found.accuracy)
    upper.bar(left, accuracy, color=SKY, edgecolor="white", label="accuracy", **bars)
    hatched = {"color": "none", "edgecolor": ORANGE, "hatch": "////", "linewidth": 1.2, **bars}
    upper.bar(left, gap, bottom=accuracy, label="from there to the mean confidence", **hatched)
    upper.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="perfect calibration")
    upper.set(xlim=(0, 1), ylim=(0, 1.01), ylabel="accuracy")
    upper.set_title(f"{of}\nexpected calibration error {found.error:.1%}", parse_math=False)
    lower.bar(left, found.images, color=GREY, edgecolor="white", **bars)
    words = f"accuracy {details.accuracy:.1%}"
    lower.axvline(details.accuracy, color=BLUE, linewidth=2, label=words)
    words = f"mean confidence {details.mean_confidence:.1%}"
    lower.axvline(details.mean_confidence, color=ORANGE, linewidth=2, ls=(0, (2, 1)), label=words)
    lower.set(xlabel="confidence", ylabel="images")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def confusion(details, names, of):
    """The confusion matrix; colours show the share of the row's class, on a scale of roots."""
    from matplotlib.colors import PowerNorm

    matrix, count = details.matrix, len(names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = min(9.5, 3.2 + 0.45 * count)
    figure = _figure(side + 0.6, side)
    panel = figure.subplots()
    # Roots, so that a share of a few per cent can be told from none.
    image = panel.imshow(shares, cmap="cividis", norm=PowerNorm(0.5, 0, 1))
    bar = figure.colorbar(image, ax=panel, shrink=0.75, ticks=[0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.ax.set_yticklabels(["0", "1%", "5%", "20%", "50%", "100%"])
    bar.set_label("share of the images of the class")
    every = -(-count // NAMES)
    places = np.arange(0, count, every)
    labels = [shown(names[k], 16) for k in places]
    if len(set(labels)) < len(labels):  # names that are alike once they are cut
        labels = [shown(f"{k} {names[k]}", 16) for k in places]
    size = 9 if count <= NUMBERS else 7
    panel.set_xticks(places, labels, rotation=90, fontsize=size, parse_math=False)
    panel.set_yticks(places, labels, fontsize=size, parse_math=False)
    panel.set(xlabel="predicted", ylabel="class")
    panel.set_title(f"{of}: confusions", parse_math=False)
    if count <= NUMBERS:
        for i, j in zip(*np.nonzero(matrix), strict=True):
            colour = "black" if shares[i, j] > 0.3 else "white"
            panel.text(j, i, matrix[i, j], ha="center", va="center", color=colour, fontsize=8)
    return figure


def classes(details, names, of):
    """Precision, recall and F1 of each class, sorted by F1; of many classes the lowest."""
    scores = details.class_scores
    order = np.argsort(scores.f1, kind="stable")[:LISTED]
    groups = [order[i : i + ROWS] for i in range(0, len(order), ROWS)]
    figure = _figure(max(6, 3.4 * len(groups)), 1.6 + 0.24 * max(map(len, groups)))
    panels = figure.subplots(1, len(groups), squeeze=False, sharex=True)[0]
    for panel, group in zip(panels, groups, strict=True):
        rows = np.arange(len(group))
        panel.hlines(rows, 0, 100 * scores.f1[group], color="#CCCCCC", linewidth=5, label="F1")
        panel.plot(100 * scores.precision[group], rows, "o", color=BLUE, label="precision")
        panel.plot(
            100 * scores.recall[group], rows, "D", mfc="none", color=ORANGE, mew=1.5, label="recall"
        )
        panel.set_yticks(rows, [shown(names[k], 18) for k in group], parse_math=False)
        panel.set(xlabel="%", ylim=(len(group) - 0.5, -0.5))
        panel.grid(axis="x", alpha=0.3)
    lowest = f", the {LISTED} with the lowest F1" if len(names) > LISTED else ""
    figure.suptitle(f"{of}: classes{lowest}", parse_math=False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def mistakes(details, part):
    """The images that were taken for another class, the most confident mistakes first."""
    chosen = details.mistakes(PICTURES)
    rows = -(-len(chosen) // COLUMNS)
    figure = _figure(1.55 * COLUMNS, 0.5 + 1.95 * rows)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel in panels:
        panel.axis("off")
    for panel, i in zip(panels, chosen, strict=False):
        image = part.images[i]
        grey = image.shape[-1] == 1
        panel.imshow(image[..., 0] if grey else image[..., :3], cmap="gray", vmin=0, vmax=255)
        predicted = shown(part.classes[details.predictions[i]], 16)
        label = shown(part.classes[details.labels[i]], 16)
        words = f"{predicted} {details.confidences[i]:.0%}\nis {label}"
        panel.set_title(words, fontsize=8.5, parse_math=False)
    figure.suptitle("The most confident mistakes: what was predicted, and what it is")
    return figure
