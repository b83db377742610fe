"""Squared error: the loss of a model whose outputs are numbers."""

from dataclasses import dataclass

from ..arrays.doors import check_alike


@dataclass(frozen=True)
class SquaredError:
    """The mean over images and outputs of (output - target)^2.

        away     = output - target
        loss     = 1 / (B K) * sum of away^2               K outputs an image

        doutput  = dloss * 2 / (B K) * away

    The model that makes it smallest gives the mean of the targets that go with an image. Of targets
    with mean 0 and variance 1 the loss is 1 if all outputs are 0, so it is then the share of the
    targets' variance that the model does not explain.

    Keeps `away`, K numbers an image.
    """

    def forward(self, outputs, targets):
        """outputs, targets (B, K), floats -> loss (0-d), cache. Raises ConfigError for others."""
        check_alike(outputs, targets)
        away = outputs - targets.astype(outputs.dtype)
        return (away * away).sum() / away.size, away

    def backward(self, dloss, cache):
        """dloss, a Python number -> doutput (B, K): see `CrossEntropy.backward`."""
        return cache * (dloss * 2 / cache.size)
