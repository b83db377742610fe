"""curves.png: the objective's metrics over the epochs of a run."""

import io
import warnings
from pathlib import Path

from ..errors import RunError
from ..objective import deciding_metric
from ..storage import atomic


def draw(rows, path, title, objective):
    """Draw the epochs' rows of metrics.jsonl to the file `path` -> "" or why it was not drawn.

    Whatever goes wrong with matplotlib or its settings, the run's result does not depend on it.
    """
    try:
        import matplotlib  # noqa: F401
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in (None, "matplotlib"):
            return "no curves drawn: matplotlib is not installed (pip install matplotlib)"
        return _not_drawn(error)
    if not rows:
        return "no curves drawn: metrics.jsonl holds no epochs"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _png(rows, title, objective)
        with atomic.replacing(path, RunError) as temporary:
            Path(temporary).write_bytes(image)
    except Exception as error:
        return _not_drawn(error)
    return ""


def _not_drawn(error):
    """Why nothing was drawn, in one line of at most 200 characters."""
    words = " ".join(str(error).split())
    kind = "" if isinstance(error, RunError) else f"matplotlib failed, {type(error).__name__}: "
    return f"no curves drawn: {kind}{words if len(words) <= 200 else words[:197] + '...'}"


def _png(rows, title, objective):
    """The curves as the bytes of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [metric for metric in objective.metrics if not metric.detail]
    figure = Figure(figsize=(4.5 * len(metrics), 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window system is touched
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        draw_metric(panel, rows, metric, metric == deciding_metric(objective))
    # A name may hold what cannot be drawn: no text at all, letters no font here has, formulas.
    text = title.encode("utf-8", "replace").decode("utf-8")
    figure.suptitle(text, parse_math=False)
    image = io.BytesIO()
    figure.savefig(image, dpi=120, format="png")
    return image.getvalue()


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
    name = f"{metric.name} ({metric.unit})" if metric.unit else metric.name
    panel.set_ylabel(name, parse_math=False)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(alpha=0.3)
    panel.legend()
