"""The tables of the report, in 80 columns for any number of classes."""

import math

import numpy as np

from ..text import columns_of, fitted, printable
from . import metrics

ALL_CLASSES = 20  # up to so many, a table has a line for each; of more, only the extremes
LOWEST, HIGHEST, CONFUSIONS, MISTAKES = 10, 5, 15, 10
WIDTH, NAME, FILE_NAME, BAR = 79, 24, 30, 40


def shown(name, width=NAME):
    """A name in at most `width` columns: ? for what cannot be printed, the rest cut off."""
    return cell(name, width).rstrip()


def cell(name, width=NAME):
    """The same in exactly so many columns."""
    return fitted(printable(name), width)


def ending(name, width):
    """The end of a file's name, which tells it from others, in exactly so many columns."""
    backwards = fitted(printable(name)[::-1], width)
    return fitted(backwards[::-1].lstrip(" "), width)


def percent(share):
    """0.8535 -> "85.4%", NaN -> "-"."""
    return "-" if math.isnan(share) else f"{share:.1%}"


def class_table(details, names):
    """A line a class with its precision, recall and F1; of many classes the worst and the best."""
    scores, images = details.class_scores, details.matrix.sum(axis=1)
    row = "{}{:>8}{:>11}{:>9}{:>9}"

    def line(k):
        values = (scores.precision[k], scores.recall[k], scores.f1[k])
        return row.format(cell(names[k]), f"{images[k]:,}", *map(percent, values))

    head = row.format(cell("class"), "images", "precision", "recall", "F1")
    if len(names) <= ALL_CLASSES:
        groups = [("", range(len(names)))]
    else:
        order = np.argsort(scores.f1, kind="stable")  # NaN, a class without images, comes last
        order = order[: int(np.isfinite(scores.f1).sum())]
        groups = [
            (f"the {LOWEST} classes with the lowest F1", order[:LOWEST]),
            (f"the {HIGHEST} with the highest", order[LOWEST:][::-1][:HIGHEST]),
        ]
    lines = [head]
    for title, members in groups:
        lines += [*filter(None, [title]), *map(line, members)]
    mean = map(percent, metrics.macro_average(scores, details.matrix))
    return "\n".join([*lines, row.format(cell("mean over classes"), f"{images.sum():,}", *mean)])


def confusion_table(details, names):
    """The confusion matrix; where it does not fit, the most frequent mistakes."""
    matrix, classes = details.matrix, len(names)
    digits = max(len(str(matrix.max())), len(str(classes - 1))) + 2
    left = WIDTH - 3 - digits * classes
    if left < 8 or classes > ALL_CLASSES:
        return _frequent_mistakes(matrix, names)
    left = min(left, max(columns_of(printable(name)) for name in names))
    head = f"{'':>3}{'':<{left}}" + "".join(f"{k:>{digits}}" for k in range(classes))
    rows = [
        f"{k:>2} {cell(names[k], left)}" + "".join(f"{n or '.':>{digits}}" for n in counts)
        for k, counts in enumerate(matrix.tolist())
    ]
    return "\n".join(
        ["confusions: a row for each class, a column for what was predicted", head, *rows]
    )


def _frequent_mistakes(matrix, names):
    row = "{:>6}  {:>6}   {}  {}"
    lines = [
        row.format(n, matrix[i].sum(), cell(names[i]), shown(names[j]))
        for i, j, n in metrics.confusions(matrix, CONFUSIONS)
    ]
    head = row.format("images", "of all", cell("of class"), "taken for")
    return "\n".join(["the most frequent mistakes", head, *lines]) if lines else "no mistakes"


def calibration_table(calibration):
    """The reliability diagram: a bar for the accuracy in each bin, a | where confidence is."""
    lines = []
    for m in np.flatnonzero(calibration.images):
        low, high = calibration.edges[m], calibration.edges[m + 1]
        accuracy, confidence = calibration.accuracy[m], calibration.confidence[m]
        bar = list(("#" * round(BAR * accuracy)).ljust(BAR))
        bar[min(BAR - 1, int(BAR * confidence))] = "|"
        images = f"{calibration.images[m]:,}"
        bin_ = f"{low:4.0%} to {high:4.0%}"
        lines.append(f"{bin_:<14}{images:>8}{accuracy:>10.1%}  {''.join(bar)}".rstrip())
    head = f"{'confidence':<14}{'images':>8}{'accuracy':>10}  # accuracy, | mean confidence"
    return "\n".join([head, *lines])


def mistakes_table(details, part):
    """The most confident mistakes, with their files or their places among all images of a set."""
    chosen = details.mistakes(MISTAKES)
    if not len(chosen):
        return "no image was taken for another class"
    row, width = "{}{:>12}   {}  {}", NAME
    if part.files:
        width = (WIDTH - FILE_NAME - 17) // 2
        head, images = cell("image", FILE_NAME), [ending(part.files[i], FILE_NAME) for i in chosen]
    else:
        head, images = f"{'image':>7}", [f"{part.indices[i]:>7}" for i in chosen]
    lines = [
        row.format(
            image,
            f"{details.confidences[i]:.1%}",
            cell(part.classes[details.labels[i]], width),
            shown(part.classes[details.predictions[i]], width),
        )
        for i, image in zip(chosen, images, strict=True)
    ]
    head = row.format(head, "confidence", cell("class", width), "taken for")
    return "\n".join(["the most confident mistakes", head, *lines])
