"""The results of a comparison: mean and spread over seeds, and what each row costs."""

import statistics
from dataclasses import asdict, dataclass, replace
from textwrap import wrap

import numpy as np

from ..costs import macs, parameters
from ..evaluation.shift import shift_curve
from ..text import decimal
from ..trained import load
from ..training.saved_run import SavedRun
from .turns import text_of, validation

SHIFTED = 500  # test images that are shifted


@dataclass(frozen=True)
class RowResult:
    """What came out of a row.

    accuracies: on the test images, one a seed; spread: their standard deviation, None of one;
    parameters, macs: of the model, and of an image's forward pass; minutes: of training, a run;
    chosen: the change of options that was best; tried: {change: accuracy on validation images};
    shift: {pixels: accuracy}, the mean over seeds, where that was measured.
    """

    name: str
    group: str
    images: int | None
    accuracies: tuple
    mean: float
    spread: float | None
    parameters: int
    macs: int
    minutes: float
    epochs: int
    chosen: str
    tried: dict
    shift: dict


def results_of(comparison, directories, dataset):
    """The `RowResult` of every row that has a run. directories: as `run_all` returned them."""
    return [
        row_result(row, runs, comparison.table.measure, dataset)
        for row in comparison.table.rows
        if (runs := {key[1:]: d for key, d in directories.items() if key[0] == row.name})
    ]


def row_result(row, runs, measure, dataset):
    """Of one row. runs: {(change as text, seed): its RunDirectory}."""
    tried = {change: validation(d) for (change, seed), d in runs.items() if seed == 0}
    chosen = max((text_of(t) for t in row.tries), key=lambda t: tried.get(t, -1.0))
    own = [directory for (change, _), directory in sorted(runs.items()) if change == chosen]
    accuracies = tuple(directory.result()["test_accuracy"] for directory in own)
    saved = SavedRun.read(own[0].path)
    config = saved.config
    if config.patch_dropout:  # in evaluation there is none
        config = replace(config, patch_dropout=0.0)
    return RowResult(
        name=row.name,
        group=row.group,
        images=row.images,
        accuracies=accuracies,
        mean=statistics.fmean(accuracies),
        spread=statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        parameters=parameters(config),
        macs=macs(config),
        minutes=statistics.fmean(d.rows()[-1]["elapsed_s"] for d in own) / 60,
        epochs=saved.recipe.epochs,
        chosen=chosen,
        tried=tried if len(row.tries) > 1 else {},
        shift=shifts(own, dataset) if measure == "shift" else {},
    )


def shifts(directories, dataset):
    """{pixels: the mean accuracy of these runs on test images shifted so far}."""
    some = np.arange(min(SHIFTED, len(dataset.test_images)))
    some = some * len(dataset.test_images) // len(some)  # from all over the set
    images, labels = dataset.test_images[some], dataset.test_labels[some]
    pixels = range(images.shape[1] // 2 + 1)
    curves = [shift_curve("", load(d.path), images, labels, pixels).accuracy for d in directories]
    return {pixel: statistics.fmean(values) for pixel, *values in zip(pixels, *curves, strict=True)}


def as_json(comparison, rows):
    """The results as values that JSON can hold."""
    c = comparison
    return {
        "table": c.name,
        "question": c.table.question,
        "section": c.table.section,
        "preset": c.preset,
        "dataset": c.dataset,
        "budget_minutes": c.budget,
        "seeds": c.seeds,
        "passes": c.passes,
        "options": c.table.options,
        "rows": [asdict(row) for row in rows],
    }


def as_text(comparison, rows):
    """The results as a table in 80 columns."""
    width = max(20, *(len(row.name) + 2 for row in rows))
    seeds = max(len(row.accuracies) for row in rows)
    columns = {"test accuracy": 16, "weights": 11, "MACs": 10, "epochs": 8, "minutes": 9}
    head = " " * width + "".join(name.rjust(size) for name, size in columns.items())
    lines = [f"{comparison.table.question} ({comparison.table.section})", "", head]
    for row in rows:
        spread = "       " if row.spread is None else f" ± {row.spread:.2%}"[:-1].ljust(7)
        lines.append(
            f"{row.name:<{width}}{row.mean:>8.2%}{spread:<8}{row.parameters:>11,}"
            f"{decimal(row.macs):>10}{row.epochs:>8}{row.minutes:>9.1f}"
        )
    of = f"mean ± standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
    note = f"{of}; MACs: multiplications of an image's forward pass; minutes: of one run"
    lines += ["", *wrap(note, 79)]
    for row in rows:
        if row.tried:
            found = ", ".join(f"{value:.2%} with {change}" for change, value in row.tried.items())
            lines += wrap(f"{row.name}: {found} (validation images)", 79, subsequent_indent="  ")
    if any(row.shift for row in rows):
        lines += ["", *shift_lines(rows, width)]
    return "\n".join(lines)


def shift_lines(rows, width):
    """Accuracy by the shift to the right in pixels."""
    pixels = list(rows[0].shift)[:9]
    head = "shift in pixels".ljust(width) + "".join(f"{pixel:>6}" for pixel in pixels)
    return [head] + [
        row.name.ljust(width) + "".join(f"{row.shift[pixel]:>6.0%}" for pixel in pixels)
        for row in rows
    ]
