"""An Evaluation as text in 80 columns: the numbers for all images, then the tables."""

import textwrap

from ..objective.metric import TARGETS
from ..text import columns_of, printable
from . import tables


def report(evaluation, part):
    """The text about an Evaluation on a `Part` of a data set."""
    details, paragraphs = evaluation.details, [introduction(evaluation, part)]
    if details is None:
        remark = [evaluation.remark] if evaluation.remark else []
        return "\n\n".join([*paragraphs, _aligned(_metrics(evaluation)), *remark])
    paragraphs.append(_aligned(_metrics(evaluation) + _of_classification(details)))
    if evaluation.flipped:
        paragraphs.append(flip_note(evaluation.flipped))
    return "\n\n".join(
        [
            *paragraphs,
            tables.class_table(details, part.classes),
            tables.confusion_table(details, part.classes),
            tables.calibration_table(details.calibration),
            tables.mistakes_table(details, part),
        ]
    )


def introduction(evaluation, part):
    """Which images, and what has to be known of them."""
    first = f"{tables.shown(part.dataset, 40)}: {part.counted()}"
    if evaluation.details:
        first += f", {len(part.classes):,} classes"
    notes = (textwrap.fill(printable(f"note: {note}"), tables.WIDTH) for note in part.notes)
    return "\n".join([first, *notes])


def _metrics(evaluation):
    """The objective's own metrics -> [(name, value in words), ...], an accuracy first."""
    pairs = []
    for metric in evaluation.metrics:
        value = metric.number(evaluation.values[metric.name])
        unit = f" {metric.unit}" if metric.unit not in ("", "%", TARGETS) else ""
        if metric.name == "accuracy" and evaluation.details:
            unit = f" ± {evaluation.details.standard_error:.2%} (standard error)"
        pairs.append((printable(metric.name.replace("_", " ")), value + unit))
    return sorted(pairs, key=lambda pair: pair[0] != "accuracy")


def _of_classification(details):
    """What a classification has besides."""
    gap = details.mean_confidence - details.accuracy
    words = f"on average {abs(gap):.1%} {'more' if gap > 0 else 'less'} confident than right"
    pairs = [("calibration error", f"{details.calibration.error:.2%} ({words})")]
    if details.top5 is not None:
        pairs.insert(0, ("top-5 accuracy", f"{details.top5:.2%}"))
    return pairs


def _aligned(pairs):
    width = max(19, *(columns_of(name) for name, _ in pairs))
    return "\n".join(f"{name:<{width}} {value}" for name, value in pairs)


def flip_note(flipped):
    """What the mean over each image and its mirror image comes to: other numbers, kept apart."""
    return (
        "With test-time flip (the mean of the probabilities of each image and its mirror\n"
        f"image), which is not the model's accuracy: {flipped.accuracy:.2%} ± "
        f"{flipped.standard_error:.2%}, loss {flipped.loss:.3f}."
    )
