"""curves.png: the objective's metrics over the epochs of a run."""

import warnings

from ..objective import deciding_metric


def draw(rows, path, title, objective):
    """Draw the epochs' rows of metrics.jsonl to the file `path` -> "" or why it was not drawn."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return "no curves drawn: matplotlib is not installed (pip install matplotlib)"
    if not rows:
        return "no curves drawn: metrics.jsonl holds no epochs"
    metrics = objective.metrics
    figure = Figure(figsize=(4.5 * len(metrics), 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window system is touched
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        draw_metric(panel, rows, metric, metric == deciding_metric(objective))
    # A name may hold what cannot be drawn: no text at all, letters no font here has, formulas.
    text = title.encode("utf-8", "replace").decode("utf-8")
    figure.suptitle(text, parse_math=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure.savefig(path, dpi=120)
    except OSError as error:
        return f"no curves drawn: cannot write {path} ({error.strerror or error})"
    return ""


def draw_metric(panel, rows, metric, mark_best):
    """One metric in one panel: training and validation, and the best epoch if it decides that."""
    epochs, scale = [row["epoch"] for row in rows], 100 if metric.unit == "%" else 1
    for part, words in (("train", "training (augmented)"), ("val", "validation")):
        values = [row.get(f"{part}_{metric.name}") for row in rows]
        if any(value is None for value in values):
            continue
        values = [scale * value for value in values]
        panel.plot(epochs, values, marker=".", label=words)
        if mark_best and part == "val":
            best = max(values) if metric.higher_is_better else min(values)
            label = f"best: {best:.1f}%" if metric.unit == "%" else f"best: {best:.3g}"
            epoch = epochs[values.index(best)]
            panel.plot(epoch, best, "o", mfc="none", color="black", label=label)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"{metric.name} ({metric.unit})" if metric.unit else metric.name)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(alpha=0.3)
    panel.legend()
