"""The learning curves of several runs in one picture."""

import json
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, RunError
from ..objective import OBJECTIVES, Classification
from ..storage.directory import RunDirectory
from ..storage.text_file import read_text
from .drawing import COLOURS, MARKERS, WIDTH, Drawing, canvas

DASHES = ("-", "--", "-.", ":")


class Curves(NamedTuple):
    """A run's rows, one for each epoch; its result on the test set or None; its metrics."""

    name: str
    rows: list
    result: dict | None
    metrics: tuple


def read(path):
    """The curves of a run: of its directory, or of a file like its metrics.jsonl.

    Raises ConfigError if there are none.
    """
    path = Path(path)
    run = RunDirectory(path if path.is_dir() else path.parent)
    if not path.is_dir():
        run.metrics = path
    if not run.metrics.is_file():
        what = f"there is no {run.metrics.name} in it" if path.is_dir() else "there is no such file"
        raise ConfigError(f"{path} is not a run: {what}")
    rows = run.rows()
    if not rows:
        raise ConfigError(f"{path} holds no epochs: nothing to draw")
    name = path.resolve().name if path.is_dir() else path.stem
    return Curves(name, rows, run.result(), metrics_of(run.config if path.is_dir() else None))


def metrics_of(config):
    """The metrics that config.json says the run was judged by; else those of a classification."""
    try:
        values = json.loads(read_text(config))
        kind, fields = OBJECTIVES[values["objective"]], values.get("objective_fields")
        metrics = tuple(kind(**fields).metrics if fields else kind.metrics)
        return tuple(metric for metric in metrics if not metric.detail)
    except (AttributeError, RunError, ValueError, KeyError, TypeError, RecursionError):
        return Classification.metrics


def draw(subject):
    """One figure: a panel for each metric, a colour for each run."""
    paths = subject.runs
    runs = [read(path) for path in paths]
    # a loss in nats and one that is a share of a variance are two metrics, and get a panel each
    every = {(m.name, m.unit): m for run in runs for m in run.metrics if values(run, "train", m)}
    metrics = list(every.values())
    if not metrics:
        raise ConfigError("the runs hold no metric that is known: nothing to draw")
    lines = -(-len(runs) // 2)
    figure = canvas(2.9 + 0.19 * lines, WIDTH if len(metrics) > 1 else 4.6)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(axes, metrics, strict=True):
        for i, run in enumerate(runs):
            if (metric.name, metric.unit) in [(own.name, own.unit) for own in run.metrics]:
                plot(panel, run, metric, i)
        panel.set_xlabel("epoch")
        label = f"{metric.name} ({metric.unit})" if metric.unit else metric.name
        panel.set_ylabel(label, parse_math=False)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid()
    legend(figure, runs)
    caption = (
        "Learning curves: thick on validation images, thin on the augmented training images; the "
        "marker at the end is the result on the test set, where there is one."
    )
    return [Drawing("curves", figure, caption)]


def values(run, part, metric):
    """(epochs, values) of the epochs that have the metric; () where none has."""
    scale, name = (100 if metric.unit == "%" else 1), f"{part}_{metric.name}"
    have = [row for row in run.rows if isinstance(row.get(name), (int, float))]
    return ([row["epoch"] for row in have], [scale * row[name] for row in have]) if have else ()


def plot(panel, run, metric, i):
    """The lines of one run and one metric."""
    colour = COLOURS[i % len(COLOURS)]
    for part, width, alpha in (("train", 0.8, 0.6), ("val", 1.7, 1)):
        if points := values(run, part, metric):
            label = run.name if part == "val" else None
            panel.plot(
                *points,
                dash(i),
                marker="." * (part == "val" and len(run.rows) <= 5),
                lw=width,
                alpha=alpha,
                color=colour,
                label=label,
            )
    end = (run.result or {}).get(f"test_{metric.name}")
    if isinstance(end, (int, float)):
        end *= 100 if metric.unit == "%" else 1
        at = run.rows[-1]["epoch"]
        panel.plot(at, end, MARKERS[i % len(MARKERS)], color=colour, mec="white", mew=0.6, ms=7,
                   zorder=3, clip_on=False)  # fmt: skip


def legend(figure, runs):
    """The names of the runs above the panels, and their results in the metric that decides."""
    from matplotlib.lines import Line2D

    handles = []
    for i, run in enumerate(runs):
        tested = [m for m in run.metrics if f"test_{m.name}" in (run.result or {})]
        label = run.name
        if tested:  # the last one: after the loss comes what is easier to understand
            value = run.result[f"test_{tested[-1].name}"]
            label += f": test {tested[-1].name} {tested[-1].number(value)}"
        marker = MARKERS[i % len(MARKERS)] if tested else ""
        look = {"color": COLOURS[i % len(COLOURS)], "ls": dash(i), "marker": marker}
        handles.append(Line2D([], [], label=label, **look))
    figure.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=3)


def dash(i):
    """The dashes of run number i: with the eight colours, 32 looks."""
    return DASHES[(i + i // len(COLOURS)) % len(DASHES)]
