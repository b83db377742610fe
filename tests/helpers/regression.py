"""An objective of one's own, for tests: a regression, and pictures to train it on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minivit import Config
from minivit.data import Dataset
from minivit.objective import Metric
from minivit.training.recipe import Recipe


@dataclass(frozen=True)
class Regression:
    """How light a picture is at the top, and at the bottom: two numbers, by squared error."""

    outputs: int = 2
    name: ClassVar = "levels"
    metrics: ClassVar = (Metric("squared_error", "", False), Metric("far_off", "%", False))
    deciding: ClassVar = "far_off"
    sums: ClassVar = {"squares": float, "far_off": int}

    @classmethod
    def of(cls, config, recipe):
        """That of any run."""
        return cls()

    def train(self, output, targets, share):
        """Half the mean squared error, and its gradient."""
        away = output - targets
        return away * (share / len(away)), self.evaluate(output, targets)

    def evaluate(self, output, targets):
        """The sum of squares, and how many images are off by more than a tenth."""
        away = output - targets
        far_off = (abs(away).max(axis=1) > 0.1).sum()
        return {"squares": (away * away).sum() / 2, "far_off": far_off}

    def values(self, sums, count):
        """Per image."""
        return {"squared_error": sums["squares"] / count, "far_off": sums["far_off"] / count}

    def predict(self, output):
        """As it is."""
        return output


CONFIG = Config(image_size=8, patch_size=4, dim=16, depth=1, heads=2, mlp_dim=16, classes=2)
RECIPE = Recipe(epochs=4, batch_size=8, val_fraction=0.2, lr=0.01, augment=False)


def pictures(count, seed):
    """Pictures whose upper and lower halves are of two random levels; the targets are these."""
    levels = np.random.default_rng(seed).random((count, 2)).astype(np.float32)
    images = np.repeat(levels, 32, axis=1).reshape(count, 8, 8, 1) * np.ones(3)
    return (255 * images).astype(np.uint8), levels


DATA = Dataset("levels", (), *pictures(100, 0), *pictures(20, 1))
