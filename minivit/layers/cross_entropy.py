"""Softmax cross-entropy: the loss of a classifier."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module
from ..arrays.doors import described, is_array
from ..errors import ConfigError, DataError


@dataclass(frozen=True)
class CrossEntropy:
    """The mean over the batch of -sum_c q_c log p_c, in nats; p: the model's output, q: the target.

        logp    = logits - log(sum over classes of exp(logits))
        p       = exp(logp)                                       softmax(logits)
        q       = (1 - smoothing) * target + smoothing / C        target: 1 for the label, else 0
        loss    = -(1/B) * sum over images and classes of q * logp

        dlogits = dloss / B * (p * sum_c q_c - q)

    The derivative of logp[c] by logits[k] is [c = k] - p[k], where [c = k] is 1 if c is k, else 0.
    Multiplied by -q[c] and summed over c, it is the bracket. sum_c q_c is 1 for probabilities; the
    gradient is also right for targets that do not add up to 1.

    The maximum of the logits is subtracted first; it cancels, exp cannot overflow, and the log of a
    p that was rounded to 0 is never taken. A class with q = 0 adds nothing, even if its logit is so
    far below the maximum that logp is -inf. Label smoothing moves a little of the target to all
    classes, so that the logits need not grow without bound. Equal logits give a loss of ln C, about
    what a first step prints.

    Keeps p and q, 2C numbers an image.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7 (label smoothing).
    """

    smoothing: float = 0.0

    def __post_init__(self):
        if not 0 <= self.smoothing < 1:
            raise ConfigError(f"smoothing must be a number in [0, 1); got {self.smoothing!r}")

    def forward(self, logits, targets):
        """logits (B, C), targets integers (B,) or probabilities (B, C) -> loss (0-d), cache.

        Raises ConfigError for logits or targets of another shape or type, DataError for a label
        outside 0..C-1. Labels on a GPU are not checked, because reading them would wait for the
        GPU; data sets are checked when they are loaded.
        """
        if not is_array(logits) or logits.ndim != 2 or not logits.size or logits.dtype.kind != "f":
            raise ConfigError(
                f"logits must be floats (B, C) of at least one image; got {described(logits)}"
            )
        xp, classes = array_module(logits), logits.shape[1]
        target = self.soft_targets(targets, logits)
        q = (1 - self.smoothing) * target + self.smoothing / classes
        shifted = logits - logits.max(axis=1, keepdims=True)
        exp_shifted = xp.exp(shifted)
        total = exp_shifted.sum(axis=1, keepdims=True)
        logp = shifted - xp.log(total)
        p = exp_shifted / total
        logp = xp.where(q > 0, logp, xp.zeros_like(logp))  # 0 * log 0 is 0, not NaN
        return -(q * logp).sum() / logits.shape[0], (p, q)

    def backward(self, dloss, cache):
        """dloss, a Python number -> dlogits (B, C).

        dloss is 1, or b / B for a micro-batch of b images out of a batch of B.
        """
        p, q = cache
        dlogits = p * q.sum(axis=1, keepdims=True)
        dlogits -= q
        dlogits *= dloss / p.shape[0]
        return dlogits

    def soft_targets(self, targets, logits):
        """The targets as probabilities (B, C), in the dtype of the logits."""
        batch, classes = logits.shape
        if not is_array(targets):
            raise ConfigError(
                f"targets must be an array of integers ({batch},) or probabilities ({batch}, "
                f"{classes}); got {described(targets)}"
            )
        if targets.shape == (batch, classes) and targets.dtype.kind == "f":
            return targets.astype(logits.dtype)
        if targets.shape != (batch,) or targets.dtype.kind not in "iu":
            raise ConfigError(
                f"targets must be integers ({batch},) or probabilities ({batch}, {classes}) for "
                f"logits {logits.shape}; got {targets.dtype} {targets.shape}"
            )
        if isinstance(targets, np.ndarray) and batch:
            low, high = targets.min(), targets.max()
            if low < 0 or high >= classes:
                raise DataError(f"labels must lie in 0..{classes - 1}; got {low}..{high}")
        one_hot = targets[:, None] == array_module(logits).arange(classes)
        return one_hot.astype(logits.dtype)
