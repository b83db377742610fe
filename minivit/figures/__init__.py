"""Figures of trained models and of runs, one a file. Each has `draw(subject) -> [Drawing]`.

attention.py      where one token attends to, in every head of every block
rollout.py        which patches reach what the head reads, through all blocks
filters.py        the patch embedding's filters
positions.py      how similar the position embeddings are
distance.py       how far each head looks
features.py       what the head reads of many images, in two dimensions
curves.py         the learning curves of several runs
augmentation.py   what augmentation does to twelve images

subject.py        what figures are drawn of
drawing.py        how they look, and how they are written to files
overlay.py        a map of the patches over a picture
pca.py            principal components

The formulas are plain NumPy functions, each beside its figure. matplotlib is imported in functions
only: whoever draws nothing does not need it.
"""

import importlib

KINDS = {  # name of the module here: what its figure shows
    "attention": "where the class token, or a patch, attends to, by head and block",
    "rollout": "the patches that reach what the head reads, through all blocks",
    "filters": "principal components of the patch embedding's filters",
    "positions": "similarity of the position embeddings",
    "distance": "how far each head looks, in pixels",
    "features": "what the head reads of many images, in two dimensions (PCA)",
    "curves": "learning curves of the run, or of all --runs",
    "augmentation": "twelve training images before and after augmentation",
}


def draw(kind, subject):
    """The figures of one kind -> list of `Drawing`. Raises ConfigError if `subject` lacks parts."""
    from .drawing import style

    module = importlib.import_module(f".{kind}", __package__)
    with style():
        return module.draw(subject)
