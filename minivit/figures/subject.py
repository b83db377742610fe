"""Subject: what figures are drawn of."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import tree
from ..arrays.keys import generator
from ..data import image_files
from ..errors import ConfigError

MEMORY = 1 << 28  # bytes of attention weights at once


@dataclass(frozen=True)
class Pictures:
    """images (B, H, W, C) uint8 with one name each; labels (B,) index `classes`, where known."""

    images: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, images, labels, classes, chosen):
        """Those of a data set with the indices `chosen`, named by their classes."""
        images, labels = images[chosen], labels[chosen]
        if not classes:
            return cls(images, tuple(f"image {i}" for i in chosen))
        return cls(images, tuple(classes[label] for label in labels), labels, tuple(classes))

    @classmethod
    def read(cls, files, size=32, channels=3, crop=1.0):
        """Of image files, prepared as `data.image_files` says.

        Raises DataError for a file that is no image, BackendError without Pillow.
        """
        with image_files.reading(files[0], channels):
            images = [image_files.read(file, size, channels, crop) for file in files]
        return cls(np.stack(images), tuple(Path(file).stem for file in files))

    def first(self, count):
        """The first `count` of them, or all where there are fewer."""
        labels = None if self.labels is None else self.labels[:count]
        return replace(self, images=self.images[:count], names=self.names[:count], labels=labels)


@dataclass(frozen=True)
class Subject:
    """What figures are drawn of; a figure needs some of these (see KINDS).

    trained   a `Trained`
    recipe    the `Recipe` by which images are augmented
    shown     Pictures that the model looks at
    training  Pictures that are augmented
    whitened  whether the patch embedding began as a whitening, as far as is known
    runs      paths: directories of runs, or metrics.jsonl files
    closely   to how many pictures a figure of their own attention is given
    patch     (row, column) of the patch whose attention is shown; None: the class token, or where
              there is none the patch in the middle
    """

    trained: object = None
    recipe: object = None
    shown: Pictures | None = None
    training: Pictures | None = None
    whitened: bool = False
    runs: tuple = ()
    closely: int = 1
    patch: tuple[int, int] | None = None

    def check(self, kind, needs):
        """Raise ConfigError if one of the parts that a kind of figure needs is missing."""
        for name in needs:
            if not getattr(self, name):
                raise ConfigError(f"the figure {kind} needs {NEEDED[name]}")


NEEDED = {
    "trained": "a MODEL: a run's directory or a checkpoint",
    "recipe": "a recipe: a MODEL that is a run, or --preset NAME",
    "shown": "images: --images FILE..., or --dataset NAME",
    "training": "images: --images FILE..., or --dataset NAME",
    "runs": "runs: a MODEL that is a run's directory, or --runs A B ...",
}


def of_attention(trained, images, function):
    """function(attention) of all images, (B, ...): of so many at once as take MEMORY, at least one.

    function: (b, depth, heads, T queries, T keys) -> (b, ...), of each image for itself.
    """
    c = trained.config
    count = max(1, MEMORY // (4 * c.depth * c.heads * c.tokens**2))
    cuts = range(0, len(images), count)
    return np.concatenate([function(trained.attention(images[i : i + count])) for i in cuts])


def beginning(trained):
    """The model of a run as its seed begins it; None where that is not known.

    The start of the patch embedding as a whitening, which needs the images, is left out.
    """
    seed = trained.about.get("recipe", {}).get("seed")
    if type(seed) is not int or "from" in trained.about:
        return None
    params = trained.model.init(generator(seed, "init"))
    return replace(trained, params=tree.map(lambda leaf: leaf.astype(np.float32), params))
