"""Multi-label classification: several labels of an image, each yes or no."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import DataError
from ..layers import SigmoidCrossEntropy
from ..layers.sigmoid_cross_entropy import sigmoid
from .fields import check_fields
from .metric import Metric


@dataclass(frozen=True)
class MultiLabel:
    """Say of each of K labels whether the image has it: sigmoid cross-entropy.

    Targets (B, K) are 0 or 1. targets: the labels' names; frequency: the share of the training
    images that have each. accuracy is the share of all answers that are right, and baseline that of
    always answering as most training images have it: for rare labels it is high.
    """

    targets: tuple
    frequency: tuple

    name: ClassVar = "multi-label"
    metrics: ClassVar = (
        Metric("loss", "nats", False),
        Metric("accuracy", "%", True, "acc"),
        Metric("baseline_accuracy", "%", True, detail=True),
    )
    deciding: ClassVar = "loss"
    sums: ClassVar = {"loss": float, "correct": int, "usual": int}
    loss: ClassVar = SigmoidCrossEntropy()

    def __post_init__(self):
        check_fields(self)

    @classmethod
    def for_targets(cls, names, targets):
        """That of the training images' targets (n, K). Raises DataError unless all are 0 or 1."""
        other = ~np.isin(targets, (0, 1))
        if other.any():
            row, k = np.argwhere(other)[0]
            raise DataError(
                f"{names[k]} has the target {targets[row, k]:g}; labels are 0 (no) or 1 (yes). For "
                "numbers use --objective regression."
            )
        return cls(names, targets.mean(axis=0, dtype=np.float64).tolist())

    @property
    def outputs(self):
        """The width of the head: a logit for each label."""
        return len(self.targets)

    def train(self, logits, targets, share):
        """logits, targets (B, K) -> dlogits, {"loss": nats, "correct", "usual": answers}."""
        loss, cache = self.loss.forward(logits, targets)
        return self.loss.backward(share, cache), self._sums(loss, logits, targets)

    def evaluate(self, logits, targets):
        """The sums of `train`."""
        loss, _ = self.loss.forward(logits, targets)
        return self._sums(loss, logits, targets)

    def values(self, sums, count):
        """Mean loss (nats), accuracy and baseline (fractions) over `count` images."""
        answers = count * self.outputs
        accuracy, baseline = sums["correct"] / answers, sums["usual"] / answers
        values = {"loss": sums["loss"] / count, "accuracy": accuracy}
        return {**values, "baseline_accuracy": baseline}

    def remark(self, values):
        """The accuracy beside that of the usual answers."""
        own, usual = values["accuracy"], values["baseline_accuracy"]
        worse = "" if own > usual else "; the model is no better than that"
        return (
            f"{own:.2%} of the answers are right, and {usual:.2%} for always answering as most "
            f"training images have it{worse}"
        )

    def predict(self, logits):
        """logits (B, K) -> the probability of each label (B, K)."""
        return sigmoid(logits)

    def _sums(self, loss, logits, targets):
        yes = targets > 0.5
        correct = ((logits > 0) == yes).sum()
        usual = sum((yes[:, k] == (share > 0.5)).sum() for k, share in enumerate(self.frequency))
        return {"loss": loss * len(logits), "correct": correct, "usual": usual}
