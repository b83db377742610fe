"""Softmax cross-entropy: how surprised the model is by the right answer."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module
from ..errors import ConfigError, DataError


@dataclass(frozen=True)
class CrossEntropy:
    """The mean over the batch of -sum_c q_c log p_c, in nats: q the target, p the model's answer.

        logp    = logits - log(sum over classes of exp(logits))
        p       = exp(logp)                                       softmax(logits)
        q       = (1 - smoothing) * target + smoothing / C        target: 1 for the label, else 0
        loss    = -(1/B) * sum over images and classes of q * logp

        dlogits = dloss / B * (p * sum_c q_c - q)

    The derivative of logp[c] by logits[k] is [c = k] - p[k], where [c = k] is 1 if c is k and 0 if
    not; times -q[c], summed over c, this is the bracket. sum_c q_c is 1 for probabilities; targets
    that do not quite add up to 1 get their true gradient too.

    The maximum of the logits is taken away first (it cancels): exp cannot overflow, and logp is
    never the log of a p rounded to 0. Smoothing moves a little of the target to all classes, which
    keeps the logits from growing without bound. Equal logits give ln C: what a first step prints.

    Keeps p and q, 2C numbers an image.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7 (label smoothing).
    """

    smoothing: float = 0.0

    def __post_init__(self):
        if not 0 <= self.smoothing < 1:
            raise ConfigError(f"smoothing must be a number in [0, 1); got {self.smoothing!r}")

    def forward(self, logits, targets):
        """logits (B, C), targets integers (B,) or probabilities (B, C) -> loss (0-d), cache.

        Raises ConfigError for targets of another shape, DataError for a label outside 0..C-1 (on
        the host only: on a GPU to look is to wait, and data sets are checked when loaded).
        """
        xp, classes = array_module(logits), logits.shape[1]
        target = self.soft_targets(targets, logits)
        q = (1 - self.smoothing) * target + self.smoothing / classes
        shifted = logits - logits.max(axis=1, keepdims=True)
        exp_shifted = xp.exp(shifted)
        total = exp_shifted.sum(axis=1, keepdims=True)
        logp = shifted - xp.log(total)
        p = exp_shifted / total
        return -(q * logp).sum() / logits.shape[0], (p, q)

    def backward(self, dloss, cache):
        """dloss, a Python number (b / B for b of a batch's B images) -> dlogits (B, C)."""
        p, q = cache
        dlogits = p * q.sum(axis=1, keepdims=True)
        dlogits -= q
        dlogits *= dloss / p.shape[0]
        return dlogits

    def soft_targets(self, targets, logits):
        """Targets as rows of probabilities (B, C), in the dtype of the logits."""
        batch, classes = logits.shape
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
