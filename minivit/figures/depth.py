"""How much the blocks know, from the first to the last: the accuracy of probes over depth."""

from .drawing import COLOURS, MARKERS, Drawing, canvas

WORDS = {"class": "the class token", "mean": "the mean of the patches", "both": "both"}
PROBES = {"ridge": "ridge", "logistic": "logistic", "neighbours": "nearest neighbours"}


def draw(values):
    """One figure: a panel for each kind of features, a line for each probe.

    values: what `commands/probe.py` prints as JSON.
    """
    kinds = list(dict.fromkeys(row["features"] for row in values["rows"]))
    figure = canvas(3.2, max(4.2, 2.4 * len(kinds)))
    axes = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    for panel, kind in zip(axes, kinds, strict=True):
        rows = [row for row in values["rows"] if row["features"] == kind]
        for i, (name, words) in enumerate(PROBES.items()):
            heights = [100 * row[name] for row in rows]
            panel.plot(
                [row["block"] for row in rows], heights, color=COLOURS[i], marker=MARKERS[i],
                ms=4, label=words,
            )  # fmt: skip
        if values["own_head"] is not None:
            panel.axhline(100 * values["own_head"], color="black", ls=":", lw=1, label="own head")
        panel.set_title(WORDS[kind])
        panel.set_xlabel("block")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid()
    axes[0].set_ylabel("accuracy (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4 if len(kinds) > 1 else 2)
    caption = (
        f"Accuracy of probes on the features of every block, on {values['test_images']:,} test "
        f"images of {values['dataset']}; they learned from {values['training_images']:,}."
    )
    return Drawing("depth", figure, caption)
