"""The door to a trained model: `minivit.load(path).predict(images)`."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .arrays import tree
from .config import Config
from .data.normalise import normalise
from .errors import CheckpointError, ConfigError
from .objective import OBJECTIVES
from .parallel.ordered_sum import in_order
from .parallel.workers import Workers, cut
from .storage import checkpoint
from .storage.compare import mismatches
from .training.saved_run import SavedRun
from .vit import ViT

MICRO_BATCH = 32  # images that one worker takes through the model at once


@dataclass(frozen=True)
class Trained:
    """A trained model with all that it takes to use it.

    config, params: the model's sizes and its weights (a tree of float32 arrays); classes: a name
    for each of the model's outputs, () if they are not classes; mean, std: (C,), the training
    images' own, in 0..1, by which pictures are normalised; objective: what it was trained for.

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

    @cached_property
    def model(self) -> ViT:
        """The model; `trained.model.forward(trained.params, x)` is its forward pass."""
        return ViT(self.config)

    def predict(self, images: np.ndarray, workers: int | None = None) -> np.ndarray:
        """Images (B, H, W, C), uint8 or floats in 0..1 -> probabilities (B, classes) float32.

        For another objective than classification: what its `predict` makes of the outputs. Runs on
        `workers` threads, by default one a core. Raises ConfigError for images of another size.
        """
        outputs = self.outputs(np.asarray(images), workers)
        return self.objective.predict(outputs)

    def outputs(self, images: np.ndarray, workers: int | None = None) -> np.ndarray:
        """The same, as the model gives them: logits (B, classes) float32."""
        if images.dtype != np.uint8:
            if images.dtype.kind != "f":
                raise ConfigError(
                    f"images must be uint8 in 0..255 or floats in 0..1; got {images.dtype}"
                )
            images = np.asarray(images, np.float32) * np.float32(255)
        side = (self.config.image_size, self.config.image_size, self.config.channels)
        if images.ndim != 4 or images.shape[1:] != side:
            raise ConfigError(f"the model takes images (B, {side[0]}, {side[1]}, {side[2]}); "
                              f"got {images.shape}")  # fmt: skip
        if not len(images):
            return np.empty((0, self.config.classes), np.float32)
        cuts = cut(len(images), MICRO_BATCH)

        def share(indices):
            return [(i, self._outputs(images[slice(*cuts[i])])) for i in indices]

        with Workers(workers, processes=False) as threads:  # a library does not fork its user
            return np.concatenate(in_order(threads.run_tasks(len(cuts), share)))

    def _outputs(self, images):
        return self.model.predict(self.params, normalise(images, self.mean, self.std))


def load(path: str | Path) -> Trained:
    """The trained model of a run: its directory (the last epoch's weights), or a checkpoint.

    Where the run kept a running mean of the weights, which is then what it tested, that is taken.
    Raises CheckpointError if there is none, or one that is damaged.
    """
    saved = SavedRun.read(path)
    arrays, meta = checkpoint.load(saved.path)
    if meta != saved.meta:
        raise CheckpointError(f"{saved.path} has changed while it was read; try again.")
    group = "optimizer/ema/" if saved.recipe.ema else "model/"
    leaves = {n.removeprefix(group): a for n, a in arrays.items() if n.startswith(group)}
    expected = dict(tree.walk(ViT(saved.config).init(None)))
    problems = mismatches(
        {name: (leaf.shape, leaf.dtype) for name, leaf in leaves.items()},
        {name: (leaf.shape, np.float32) for name, leaf in expected.items()},
    )
    if problems:
        raise CheckpointError(f"{saved.path} holds another model than it says: {problems}.")
    if saved.objective not in OBJECTIVES:
        raise CheckpointError(
            f"{saved.path} was trained for the objective {saved.objective!r}, which is not one of "
            f"minivit's own ({', '.join(OBJECTIVES)}); add it to minivit.objective.OBJECTIVES."
        )
    dataset = meta["dataset"]
    return Trained(
        saved.config,
        tree.unwalk(leaves.items()),
        tuple(dataset["classes"]),
        np.asarray(dataset["mean"], np.float32),
        np.asarray(dataset["std"], np.float32),
        OBJECTIVES[saved.objective].of(saved.config, saved.recipe),
    )
