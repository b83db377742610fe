"""Figures of trained models and of runs, one a file. Each has `draw(subject) -> [Drawing]`.

attention.py      where one token attends to, in every head of every block
rollout.py        which patches reach what the head reads, through all blocks
filters.py        the filters of the patch embedding, or of a stem
positions.py      how similar the position embeddings are
distance.py       how far each head looks
features.py       what the head reads of many images, in two dimensions
curves.py         the learning curves of several runs
shift.py          accuracy on shifted images (of the command `shift`)
augmentation.py   what augmentation does to twelve images
depth.py          the accuracy of probes over depth; drawn by the command probe

subject.py        what figures are drawn of
drawing.py        how they look, and how they are written to files
overlay.py        a map of the patches over a picture
pca.py            principal components

The formulas are plain NumPy functions, each beside its figure. matplotlib is imported in functions
only: whoever draws nothing does not need it.
"""

import importlib
from typing import NamedTuple

from ..models import refuse_without_blocks


class Kind(NamedTuple):
    """What a figure shows, and which parts of a `Subject` it needs."""

    text: str
    needs: tuple[str, ...]


LOOKING = ("trained", "shown")
KINDS = {  # by the name of the module here
    "attention": Kind("where the class token, or a patch, attends to, by head and block", LOOKING),
    "rollout": Kind("the patches that reach what the head reads, through all blocks", LOOKING),
    "filters": Kind("principal components of the patch embedding's filters", ("trained",)),
    "positions": Kind("similarity of the position embeddings", ("trained",)),
    "distance": Kind("how far each head looks, in pixels", LOOKING),
    "features": Kind("what the head reads of many images, in two dimensions (PCA)", LOOKING),
    "curves": Kind("learning curves of the run, or of all --runs", ("runs",)),
    "augmentation": Kind("twelve training images before and after augmentation",
                         ("recipe", "training")),
}  # fmt: skip


def draw(kind, subject):
    """The figures of one kind -> list of `Drawing`. Raises ConfigError if `subject` lacks parts."""
    from .drawing import style

    subject.check(kind, KINDS[kind].needs)
    if "trained" in KINDS[kind].needs and kind != "features":
        refuse_without_blocks(subject.trained.config, f"the figure {kind}")
    module = importlib.import_module(f".{kind}", __package__)
    with style():
        return module.draw(subject)
