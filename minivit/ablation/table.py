"""What a comparison is made of."""

from dataclasses import dataclass, field

MOST_PASSES = 10  # a run on a share of the images gets at most so many times the others' passes


@dataclass(frozen=True)
class Row:
    """One line of a table: a kind of run.

    name       how it is called in the table
    options    what it has other than the table's own options: fields of Config and Recipe, "preset"
    tries      changes of the options, of which the one that is best on validation images counts
    images     how many training images it learns from; None: all
    begin      the options of a run whose weights it begins with; None: random weights
    group      rows of one group are a curve over `images` in the figure
    """

    name: str
    options: dict = field(default_factory=dict)
    tries: tuple = ({},)
    images: int | None = None
    begin: dict | None = None
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A comparison: a question, where the paper asks it, options of all rows, and the rows.

    measure: "accuracy" on the test images, or "shift": also on shifted ones.
    """

    question: str
    section: str
    rows: tuple
    options: dict = field(default_factory=dict)
    measure: str = "accuracy"


def share_of(row, training):
    """The share of the `training` images that a row learns from, 0..1."""
    return 1.0 if row.images is None else min(1.0, row.images / training)


def passes_of(row, training, passes):
    """How many passes a row's run gets where a run on all images gets `passes`.

    A tenth of the images gets ten times the passes, so that all runs have the same steps; still
    less than that gets no more, because most of its runs would only learn its images by heart.
    """
    return max(1, round(passes * min(MOST_PASSES, 1 / share_of(row, training))))
