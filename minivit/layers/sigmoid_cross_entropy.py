"""Sigmoid cross-entropy: the loss of outputs that answer yes or no, each for itself."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..arrays.doors import check_alike


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """The mean over images and outputs of -(t log p + (1 - t) log(1 - p)), in nats; t: the target.

        p        = 1 / (1 + exp(-logit))                   sigmoid(logit)
        loss     = 1 / (B K) * sum of log(1 + exp(logit)) - t * logit        K outputs an image

        dlogit   = dloss / (B K) * (p - t)

    Softmax makes the classes of an image compete; here each output has a probability of its own, so
    an image may have several labels, or none. Targets between 0 and 1 are allowed: p is then to be
    that share. The line of the loss is the sum above, written with logits; computed as
    max(logit, 0) + log(1 + exp(-|logit|)) - t * logit, no exp can overflow.

    Keeps p and t, 2K numbers an image.

    Source: Bishop 2006, "Pattern recognition and machine learning", eq. 4.90 and 4.91.
    """

    def forward(self, logits, targets):
        """logits, targets (B, K), floats -> loss (0-d), cache. Raises ConfigError for others."""
        check_alike(logits, targets)
        xp, t = array_module(logits), targets.astype(logits.dtype)
        nats = xp.maximum(logits, 0.0) + xp.log1p(xp.exp(-abs(logits))) - t * logits
        return nats.sum() / logits.size, (sigmoid(logits), t)

    def backward(self, dloss, cache):
        """dloss, a Python number -> dlogits (B, K): see `CrossEntropy.backward`."""
        p, t = cache
        return (p - t) * (dloss / p.size)


def sigmoid(logits):
    """1 / (1 + exp(-logits)); for negative logits exp(logits) / (1 + exp(logits)), the same."""
    xp = array_module(logits)
    small = xp.exp(-abs(logits))  # at most 1
    return xp.where(logits >= 0, xp.ones_like(small), small) / (1.0 + small)
