"""Objectives: what a run optimises, and how the result is judged.

The trainer, the run and what they record know nothing of labels or accuracy; they ask an objective.
To add one, write a class with these members and give it to `Run(..., objective=...)`:

    name             what a checkpoint calls it
    outputs          the width of the model's head
    metrics          a tuple of `Metric`: what is reported, in this order; the first is the loss
    deciding         the name of the metric that decides which epoch is the "best"
    sums             {name: float or int}: what is summed over the images of an epoch

    train(output, targets, share)  -> doutput, sums    one micro-batch, for its gradient
    evaluate(output, targets)      -> sums             one micro-batch, to be judged
    values(sums, count)            -> {name of a metric: its value over `count` images}
    predict(output)                -> what a user is given: probabilities, numbers, ...
    of(config, recipe)             -> the objective of such a run: a class method, to load its model
    targets(images, labels)        -> targets made of the images uint8; not there: the labels

It is a dataclass, and the fields that its constructor takes are plain values: the file of a trained
model holds them (`model_file.py`), and the constructor makes the objective from them again.

`output` (B, outputs) is what the model returns; `doutput` is the gradient of the batch's mean loss
with respect to it. `share` is the micro-batch's part of the batch: its number of images over the
batch's (see `layers/cross_entropy.py`). Sums are 0-d arrays: on a GPU nothing here waits for the
device. Sums that are floats must stay finite; otherwise the run stops.
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from .arrays.backend import array_module
from .layers import CrossEntropy


class Metric(NamedTuple):
    """A number that a run reports.

    unit: "%" for a fraction that is printed as a percentage, else a word such as "nats".
    label: a short form of the name, for a narrow line.
    """

    name: str
    unit: str
    higher_is_better: bool
    label: str = ""

    def number(self, value):
        """The value as it is printed: "1.645" or "49.21%"."""
        return f"{value:.2%}" if self.unit == "%" else f"{value:.3f}"

    def text(self, value):
        """The label and the value, the same width on every line: "loss 1.645", "acc  49.21%"."""
        return f"{self.label or self.name} {self.number(value):>{7 if self.unit == '%' else 5}}"

    def better(self, value, best):
        """Is `value` better than `best`? None counts as worse than any value."""
        if best is None:
            return True
        return value > best if self.higher_is_better else value < best


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
        exponentials = array_module(logits).exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)


def correct(logits, targets):
    """How many of logits (B, classes) are largest at their label: a 0-d integer."""
    labels = targets.argmax(axis=1) if targets.ndim == 2 else targets
    return (logits.argmax(axis=1) == labels).sum()


# By the name that a checkpoint holds. A checkpoint without one is of a classification.
OBJECTIVES = {Classification.name: Classification}


def targets_of(objective, images, labels):
    """The targets of images uint8 (B, H, W, C): labels, or what the objective makes of both."""
    return objective.targets(images, labels) if hasattr(objective, "targets") else labels


def deciding_metric(objective):
    """The `Metric` of an objective that decides which epoch is the best."""
    return next(metric for metric in objective.metrics if metric.name == objective.deciding)
