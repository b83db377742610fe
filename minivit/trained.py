"""The door to a trained model: `minivit.load(path).predict(images)`."""

import os
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from . import inside, model_file
from .config import Config
from .data import image_files
from .errors import ConfigError
from .models import model_of
from .over_images import OverImages
from .parallel.workers import Workers


@dataclass(frozen=True)
class Trained:
    """A trained model with all that it takes to use it.

    config, params: the model's sizes and its weights (a tree of float32 arrays; predictions are
    faster if these are read-only, as from `load`); classes: a name for each of the model's outputs,
    () if they are not classes or have no names; mean, std: (C,), the training images' own, in 0..1,
    by which pictures are normalised; objective: what it was trained for; about: what is known of
    it, such as the data set and the test metrics (see `model_file.about_run`); crop: the share of
    an image file's shorter side that the model sees. Raises ConfigError if these do not go
    together.

    After `python train.py --dataset shapes --preset smoke`:

    >>> import minivit
    >>> trained = minivit.load("runs/shapes-smoke-1")
    >>> trained.classes[:3]
    ('plus', 'cross', 'tee')
    >>> images = minivit.data.load("shapes").test_images[:5]  # uint8 (5, 32, 32, 3)
    >>> probabilities = trained.predict(images)
    >>> probabilities.shape
    (5, 10)
    >>> names = [trained.classes[best] for best in probabilities.argmax(axis=1)]
    """

    config: Config
    params: dict
    classes: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    objective: object
    about: dict = field(default_factory=dict)
    crop: float = 1.0

    def __post_init__(self):
        c = self.config
        texts = [name for name in self.classes if isinstance(name, str)]
        if self.classes and len(texts) != c.classes:
            raise ConfigError(f"a model of {c.classes} classes has {len(texts)} names of classes")
        for name, low in (("mean", -np.inf), ("std", 0)):
            values = getattr(self, name)
            if values.shape != (c.channels,) or not (np.isfinite(values) & (values > low)).all():
                raise ConfigError(f"{name} must be {c.channels} numbers above {low}; got {values}")
        if not 0 < self.crop <= 1:
            raise ConfigError(f"crop must be above 0 and at most 1; got {self.crop}")
        if not isinstance(self.about, dict):
            raise ConfigError(f"about must be a dict; got {self.about!r}")

    @cached_property
    def model(self):
        """The model; `trained.model.forward(trained.params, x)` is its forward pass."""
        return model_of(self.config)

    @cached_property
    def _over_images(self):
        """Calls a function of the model, such as those of `inside`, for the images of a call."""
        return OverImages(self.model, self.params, self.mean, self.std)

    def predict(self, images: np.ndarray, workers: int | Workers | None = None) -> np.ndarray:
        """Images (B, H, W, C), uint8 or floats in 0..1 -> probabilities (B, classes) float32.

        For a regression: numbers (B, K), in the targets' units. For labels that are each yes or no:
        the probability of each. `objective.targets` has the names. Runs on `workers` threads, by
        default one a core; what is too little for several is left to the matrix library's threads.
        The last bits depend on the number of images and the kind of workers. Raises ConfigError for
        images of another size.

        For many calls, give a `Workers` inside its `with`. Its workers may be processes, which are
        faster for a small model; they have the weights as these were at their first call.
        """
        return self.objective.predict(self.outputs(images, workers))

    def outputs(self, images: np.ndarray, workers: int | Workers | None = None) -> np.ndarray:
        """The same as logits (B, classes) float32, what the model gives."""
        return self._over_images(inside.outputs, images, workers)

    def features(
        self, images: np.ndarray, block: int | None = None, workers: int | Workers | None = None
    ) -> np.ndarray:
        """What the head reads, (B, D) float32; or the tokens after a block, (B, T, D).

        block=None: the class token or the mean of the tokens, as the model pools, after the last
        norm. block=i: all tokens after block i, counted from 0 (-1: the last), before the last
        norm; with a class token it is tokens[:, 0]. Raises ConfigError for a block that is not
        there, and as `predict` does.

        >>> import minivit
        >>> trained = minivit.load("runs/shapes-smoke-1")
        >>> images = minivit.data.load("shapes").test_images[:5]
        >>> trained.features(images).shape == (5, trained.config.dim)
        True
        >>> tokens = trained.features(images, block=0)
        >>> tokens.shape == (5, trained.config.tokens, trained.config.dim)
        True
        """
        return self._over_images(inside.features, images, workers, block)

    def attention(self, images: np.ndarray, workers: int | Workers | None = None) -> np.ndarray:
        """The weights of all attention, (B, depth, heads, T queries, T keys) float32.

        [b, i, h, q, k] is how much token q takes from token k in head h of block i of image b: rows
        sum to 1. With a class token, token 0 is that; then come the patches, row by row. An image
        takes 4 * depth * heads * T * T bytes. Raises ConfigError as `predict` does.

        >>> import minivit
        >>> trained = minivit.load("runs/shapes-smoke-1")
        >>> images = minivit.data.load("shapes").test_images[:5]
        >>> weights = trained.attention(images)
        >>> weights.shape == (5, trained.config.depth, trained.config.heads, 64, 64)
        True
        >>> bool(abs(weights.sum(axis=-1) - 1).max() < 1e-5)
        True
        """
        return self._over_images(inside.attention, images, workers)

    def summaries(self, images: np.ndarray, workers: int | Workers | None = None) -> np.ndarray:
        """Of every block the class token, if there is one, and the mean of the patches.

        (B, depth, 1 or 2, D) float32, before the last norm. Raises ConfigError as `predict` does.
        """
        return self._over_images(inside.summaries, images, workers)

    def read(self, *files: str | os.PathLike) -> np.ndarray:
        """Image files -> (B, H, W, C) uint8, resized as the model was trained, for `predict`.

        Raises DataError for a file that cannot be read, BackendError without Pillow.
        """
        c = self.config
        with image_files.reading("image files", c.channels):
            images = [image_files.read(f, c.image_size, c.channels, self.crop) for f in files]
        return np.array(images, np.uint8).reshape(-1, *c.image_shape)

    def save(self, path: str | os.PathLike) -> None:
        """Write the model to one file that `load` opens: its weights and all the rest, but for
        `about["source"]`, a path on this machine. `path` is the old file or the new one, never a
        part of one. Raises CheckpointError if it cannot be written, and RunError rather than write
        over the checkpoint of a run, or what is no model.
        """
        model_file.write(path, self)


def load(path: str | os.PathLike) -> Trained:
    """The trained model of a run (its directory: the last epoch's weights), or of a file.

    path: a run's directory, one of its checkpoints, or a weights-only file. Where a run kept a
    running mean of the weights, which is then what it tested, that is taken. The arrays are
    read-only: change a copy, `tree.map(np.copy, trained.params)`. Raises CheckpointError if there
    is none, or one that is damaged.
    """
    with model_file.one_sentence(path):
        return Trained(**model_file.read(path))
