"""The results of a comparison as a figure."""

from ..figures.drawing import COLOURS, MARKERS, Drawing, canvas


def draw(comparison, rows):
    """One figure: dots with spreads; curves over the images, or over the shift, where measured."""
    if any(row.shift for row in rows):
        figure = _shifts(rows)
    elif all(row.group for row in rows):
        figure = _over_images(rows)
    else:
        figure = _dots(rows)
    table = comparison.table
    figure.suptitle(f"{table.question} ({table.section})", fontsize=9)
    seeds = max(len(row.accuracies) for row in rows)
    caption = (
        f"{comparison.dataset}, preset {comparison.preset}, {comparison.passes} passes, "
        f"{seeds} seed{'s' * (seeds > 1)}; bars: one standard deviation."
    )
    return Drawing(comparison.name, figure, caption)


def _dots(rows):
    """A line for each row, the first one on top; small dots are single seeds."""
    figure = canvas(1.1 + 0.3 * len(rows))
    panel = figure.subplots()
    for i, row in enumerate(reversed(rows)):
        colour = COLOURS[0]
        panel.errorbar(100 * row.mean, i, xerr=100 * (row.spread or 0), fmt="o", color=colour)
        panel.plot([100 * a for a in row.accuracies], [i] * len(row.accuracies), ".",
                   color=COLOURS[7], ms=3)  # fmt: skip
    panel.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])
    panel.set_ylim(-0.6, len(rows) - 0.4)
    panel.set_xlabel("test accuracy (%)")
    panel.grid(axis="x")
    return figure


def _over_images(rows):
    """A curve for each group of rows, over the number of training images."""
    figure = canvas(4.0)
    panel = figure.subplots()
    for i, group in enumerate(dict.fromkeys(row.group for row in rows)):
        own = [row for row in rows if row.group == group]
        spreads = [100 * (row.spread or 0) for row in own]
        panel.errorbar([row.images for row in own], [100 * row.mean for row in own], spreads,
                       label=group, color=COLOURS[i % 8], marker=MARKERS[i % 8])  # fmt: skip
    panel.set_xscale("log")
    counts = sorted({row.images for row in rows})
    panel.set_xticks(counts, [f"{count:,}" for count in counts], minor=False)
    panel.set_xticks([], minor=True)
    panel.set_xlabel("training images")
    panel.set_ylabel("test accuracy (%)")
    panel.grid()
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _shifts(rows):
    """A curve for each row, over the shift."""
    figure = canvas(4.0)
    panel = figure.subplots()
    for i, row in enumerate(rows):
        panel.plot(list(row.shift), [100 * value for value in row.shift.values()], label=row.name,
                   color=COLOURS[i % 8], marker=MARKERS[i % 8], ms=4)  # fmt: skip
    panel.set_xlabel("cyclic shift to the right (pixels)")
    panel.set_ylabel("test accuracy (%)")
    panel.grid()
    figure.legend(loc="outside lower center", ncols=3)
    return figure
