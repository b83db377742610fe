"""A trained model on images whose answers are known -> an Evaluation, all that can be said of it.

The metrics are the objective's own, summed as in training (`training/evaluator.py`): on the test
set of its run a model gets the number that the run printed. For a classification there is more.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..objective import Classification
from ..parallel import crew
from ..training.evaluator import Evaluator
from ..training.micro_batches import micro_batches
from . import metrics

TOP = 5


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model did on n images.

    metrics: the objective's own, each a `Metric`; values: {name: value} of these; count: n;
    details: a `Classified`, None for another objective; flipped: the same with test-time flip, None
    where that was not asked for; remark: what the objective says of the values.
    """

    metrics: tuple
    values: dict
    count: int
    details: "Classified | None" = None
    flipped: "Classified | None" = None
    remark: str = ""


@dataclass(frozen=True, eq=False)
class Classified:
    """How n images were classified.

    labels (n,); scores (n, C): the class with the highest is the prediction; probabilities (n, C).
    """

    labels: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray

    @cached_property
    def predictions(self):
        """The class that each image was taken for, (n,)."""
        return self.scores.argmax(axis=1)

    @cached_property
    def right(self):
        """Whether it is the image's own, (n,) bool."""
        return self.predictions == self.labels

    @cached_property
    def confidences(self):
        """The probability of the predicted class, (n,)."""
        return self.probabilities[np.arange(len(self.labels)), self.predictions]

    @property
    def accuracy(self):
        """The share of images that were classified right."""
        return int(self.right.sum()) / len(self.labels)

    @property
    def standard_error(self):
        """Of the accuracy."""
        return metrics.standard_error(self.accuracy, len(self.labels))

    @property
    def top5(self):
        """The share of images whose class is among the five likeliest; None for five or fewer."""
        if self.scores.shape[1] <= TOP:
            return None
        return metrics.top_share(self.scores, self.labels, TOP)

    @property
    def loss(self):
        """The mean of -log p of the images' own classes, in nats."""
        p = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(p, np.finfo(np.float32).tiny), dtype=np.float64).mean())

    @cached_property
    def matrix(self):
        """The confusion matrix, (C, C): rows are the images' own classes."""
        return metrics.confusion_matrix(self.labels, self.predictions, self.scores.shape[1])

    @cached_property
    def class_scores(self):
        """Precision, recall and F1 of every class, a `metrics.ClassScores`."""
        return metrics.class_scores(self.matrix)

    @property
    def mean_confidence(self):
        """The mean of the confidences: the accuracy that the model itself expects."""
        return float(self.confidences.mean(dtype=np.float64))

    @cached_property
    def calibration(self):
        """The expected calibration error and its bins, a `metrics.Calibration`."""
        return metrics.calibration(self.confidences, self.right)

    def mistakes(self, count):
        """Indices of the `count` most confident mistakes, the worst first."""
        return metrics.confident_mistakes(self.confidences, self.right, count)


def evaluate(trained, images, targets, flip=False, micro_batch=0, workers=None, done=None):
    """Judge a `Trained` on images (n, H, W, C) uint8 and their labels or targets -> Evaluation.

    flip: also classify by the mean of the probabilities of each image and of its mirror image.
    micro_batch: the run's own `Recipe.micro_batch`; workers: number of threads, by default one a
    core, or a `Workers`; done: called with a number of images whenever so many are done, of n, or
    2 n with flip.

    Raises ConfigError for images of another size, and for flip with an objective that does not
    classify; CheckpointError if a metric is not finite.
    """
    config, objective = trained.config, trained.objective
    side = config.image_shape
    if images.shape[1:] != side:
        raise ConfigError(
            f"the model takes images of {' x '.join(map(str, side))}; these are "
            f"{' x '.join(map(str, images.shape[1:]))}."
        )
    classifies = isinstance(objective, Classification)
    if flip and not classifies:
        raise ConfigError(f"test-time flip needs a classification; this is {objective.name}.")
    with crew.of_library(workers) as entered:

        def judge(images):
            return _judge(trained, images, targets, entered, micro_batch, classifies, done)

        values, outputs = judge(images)
        if not classifies:
            remark = objective.remark(values) if hasattr(objective, "remark") else ""
            return Evaluation(objective.metrics, values, len(images), remark=remark)
        probabilities = objective.predict(outputs)
        details, flipped = Classified(targets, outputs, probabilities), None
        if flip:
            _, mirrored = judge(images[:, :, ::-1])
            both = (probabilities + objective.predict(mirrored)) / 2
            flipped = Classified(targets, both, both)
    return Evaluation(objective.metrics, values, len(images), details, flipped)


def _judge(trained, images, targets, workers, micro_batch, keep, done):
    """-> the objective's metrics, and if `keep`, all that the model returned (n, outputs)."""
    kept = []

    def see(output):
        if keep:
            kept.append(output)
        if done:
            done(len(output))

    values = Evaluator(
        trained.model,
        trained.params,
        trained.mean,
        trained.std,
        trained.objective,
        workers,
        lambda count: micro_batches(trained.config, count, micro_batch),
        see,
    ).evaluate(images, targets)
    for name, value in values.items():
        if not math.isfinite(value):
            raise CheckpointError(
                f"the model's {name} on these images is {value}: its weights are damaged, or too "
                "large to compute with."
            )
    return values, np.concatenate(kept) if keep else None
