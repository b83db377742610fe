"""Prediction, timed as users call it: `Trained.outputs` on bytes, in batches and one image alone.

The opponent's images are floats already, so its work is less by the normalisation.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import tree
from ..config import Config
from ..objective import Classification
from ..trained import Trained
from .sizes import SIZES, Size
from .timing import SECONDS, average, no_wait

# The training sizes, and the published models on images of 224 pixels.
INFERENCE_SIZES = SIZES | {
    name: Size(Config.variant(name, image_size=224, classes=1000), batch)
    for name, batch in (("Ti/16", 64), ("S/16", 32), ("B/32", 32), ("B/16", 16))
}


class Predictor:
    """A model of a `Size` with random weights, and a batch of random images.

    workers: as in `Trained.predict`; plain: with weights that may change, from which nothing is
    arranged (see `arranged`), or else as `load` gives them.
    """

    def __init__(self, size, workers=None, plain=False):
        c, rng, self.workers = size.config, np.random.default_rng(0), workers
        mean, std = (np.full(c.channels, value, np.float32) for value in (0.5, 0.25))
        objective = Classification(c.classes)
        self.trained = Trained(c, {}, (), mean, std, objective)
        params = self.trained.model.init(rng)
        params = tree.map(lambda leaf: leaf.astype(np.float32), params)
        self.trained.params.update(params if plain else tree.read_only(params))
        shape = (size.batch, *c.image_shape)
        self.images = rng.integers(0, 256, shape, np.uint8)

    def batch(self):
        """The logits of the whole batch."""
        self.trained.outputs(self.images, self.workers)

    def one(self):
        """The logits of one image."""
        self.trained.outputs(self.images[:1], self.workers)

    def turn(self, least=SECONDS):
        """Seconds of a batch and of one image -> {"batch", "one": seconds}."""
        works = {"batch": self.batch, "one": self.one}
        return {name: average(work, no_wait, least) for name, work in works.items()}


@dataclass(frozen=True)
class Speed:
    """What was measured of one size.

    medians: from `step.compare`, {side: {"batch", "one": seconds}}; the sides are "ours", "plain"
    where that is something else, and "torch" if it is the opponent.
    """

    size: Size
    medians: dict

    def rate(self, side="ours"):
        """Images a second in batches; None for a side that was not measured."""
        return self.size.batch / self.medians[side]["batch"] if side in self.medians else None

    def latency(self, side="ours"):
        """Milliseconds for one image; None for a side that was not measured."""
        return 1e3 * self.medians[side]["one"] if side in self.medians else None

    def ratio(self, work, side="ours"):
        """How many times as fast as PyTorch "batch" or "one" is; None where one is missing."""
        if "torch" not in self.medians or side not in self.medians:
            return None
        return self.medians["torch"][work] / self.medians[side][work]

    def row(self):
        """The entry of this size in the JSON of `bench --inference --json`."""
        return {
            "batch": self.size.batch,
            "images_per_second": self.rate(),
            "plain_images_per_second": self.rate("plain"),
            "torch_images_per_second": self.rate("torch"),
            "ratio": self.ratio("batch"),
            "latency_ms": self.latency(),
            "plain_latency_ms": self.latency("plain"),
            "torch_latency_ms": self.latency("torch"),
            "latency_ratio": self.ratio("one"),
        }
