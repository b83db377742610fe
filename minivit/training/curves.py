"""curves.png: loss and accuracy over the epochs of a run."""

import warnings


def draw(rows, path, title):
    """Draw the epochs' rows of metrics.jsonl to the file `path` -> "" or why it was not drawn."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return "no curves drawn: matplotlib is not installed (pip install matplotlib)"
    if not rows:
        return "no curves drawn: metrics.jsonl holds no epochs"
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window system is touched
    panels = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for panel, name, scale in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for part, words in (("train", "training (augmented)"), ("val", "validation")):
            values = [row[f"{part}_{name}"] for row in rows]
            if any(value is None for value in values):
                continue
            values = [scale * value for value in values]
            panel.plot(epochs, values, marker=".", label=words)
            if (part, name) == ("val", "accuracy"):
                best = max(range(len(values)), key=values.__getitem__)
                panel.plot(
                    epochs[best],
                    values[best],
                    "o",
                    mfc="none",
                    color="black",
                    label=f"best: {values[best]:.1f}%",
                )
        panel.set_xlabel("epoch")
        panel.set_ylabel("loss (nats)" if name == "loss" else "accuracy (%)")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.legend()
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
