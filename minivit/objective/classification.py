"""Classification: name the class of an image."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..arrays.backend import array_module
from ..layers import CrossEntropy
from .metric import Metric


@dataclass(frozen=True)
class Classification:
    """Name the class of an image: softmax cross-entropy, judged by accuracy.

    `smoothing` is for training only: evaluation reports the loss without it. Targets are labels
    (B,), or rows of probabilities (B, classes), of which the largest counts as the label.
    """

    classes: int
    smoothing: float = 0.0
    loss: CrossEntropy = field(init=False)

    name: ClassVar = "classification"
    metrics: ClassVar = (Metric("loss", "nats", False), Metric("accuracy", "%", True, "acc"))
    deciding: ClassVar = "accuracy"
    sums: ClassVar = {"loss": float, "correct": int}

    @classmethod
    def of(cls, config, recipe):
        """The objective of a run with this model and this recipe."""
        return cls(config.classes, recipe.smoothing)

    def __post_init__(self):
        object.__setattr__(self, "loss", CrossEntropy(self.smoothing))

    @property
    def outputs(self):
        """The width of the head: one logit a class."""
        return self.classes

    def train(self, logits, targets, share):
        """logits (B, classes) -> dlogits, {"loss": nats, "correct": images}, both summed."""
        loss, cache = self.loss.forward(logits, targets)
        sums = {"loss": loss * len(logits), "correct": correct(logits, targets)}
        return self.loss.backward(share, cache), sums

    def evaluate(self, logits, targets):
        """The sums of `train`, of the loss without smoothing."""
        loss, _ = CrossEntropy().forward(logits, targets)
        return {"loss": loss * len(logits), "correct": correct(logits, targets)}

    def values(self, sums, count):
        """Mean loss (nats) and accuracy (a fraction) over `count` images."""
        return {"loss": sums["loss"] / count, "accuracy": sums["correct"] / count}

    def predict(self, logits):
        """logits (B, classes) -> probabilities (B, classes)."""
        return softmax(logits)


def softmax(logits):
    """logits (..., classes) -> probabilities of the same shape."""
    exponentials = array_module(logits).exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def correct(logits, targets):
    """How many of logits (B, classes) are largest at their label: a 0-d integer."""
    labels = targets.argmax(axis=1) if targets.ndim == 2 else targets
    return (logits.argmax(axis=1) == labels).sum()
