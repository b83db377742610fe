"""Regression: say numbers about an image, without bounds or within a range."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..layers import SigmoidCrossEntropy, SquaredError
from ..layers.sigmoid_cross_entropy import sigmoid
from .fields import refuse_constant
from .numbers import Numbers, row


@dataclass(frozen=True)
class Regression(Numbers):
    """Say numbers: mean squared error on targets of mean 0 and standard deviation 1.

        scaled target = (target - mean) / std         mean and std: of the training images' targets
        prediction    = mean + std * output

    A head that starts at zero begins with the mean. The loss is 1 for always predicting the mean.
    """

    targets: tuple
    mean: tuple
    std: tuple

    name: ClassVar = "regression"
    unit: ClassVar = "of the variance"
    loss: ClassVar = SquaredError()

    @classmethod
    def for_targets(cls, names, targets):
        """That of the training images' targets (n, K). Raises DataError for a constant one."""
        refuse_constant(names, targets)
        targets = targets.astype(np.float64)
        return cls(names, targets.mean(axis=0).tolist(), targets.std(axis=0).tolist())

    @property
    def start(self):
        """What is 0 for the loss."""
        return self.mean

    @property
    def scale(self):
        """What is 1 for the loss."""
        return self.std

    def predict(self, output):
        """output (B, K) -> predictions (B, K), in the targets' units."""
        return row(self.mean, output) + row(self.std, output) * output


@dataclass(frozen=True)
class BoundedRegression(Numbers):
    """Say numbers that lie within a range: sigmoid cross-entropy on their share of it.

        scaled target = (target - low) / (high - low)
        prediction    = low + (high - low) * sigmoid(output)

    low is 0, or less where a target of a training image is less; high is their highest. So for
    scores from 1 to 100 it is cross-entropy on target / 100. No prediction is outside the range.
    """

    targets: tuple
    mean: tuple
    low: tuple
    high: tuple

    name: ClassVar = "bounded-regression"
    unit: ClassVar = "nats"
    loss: ClassVar = SigmoidCrossEntropy()

    @classmethod
    def for_targets(cls, names, targets):
        """That of the training images' targets (n, K). Raises DataError for a constant one."""
        refuse_constant(names, targets)
        low, high = np.minimum(targets.min(axis=0), 0), targets.max(axis=0)
        mean = targets.mean(axis=0, dtype=np.float64)
        return cls(names, mean.tolist(), low.tolist(), high.tolist())

    @property
    def start(self):
        """What is 0 for the loss."""
        return self.low

    @property
    def scale(self):
        """The width of the range."""
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))

    def predict(self, output):
        """output (B, K) -> predictions (B, K), in the targets' units."""
        return row(self.low, output) + row(self.scale, output) * sigmoid(output)
