"""How a prediction of masked patches is judged."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays.backend import array_module
from ..layers import CrossEntropy, SquaredError
from ..objective import OBJECTIVES, Metric, correct, softmax
from .colours import BITS, colours, pixels


def objective_of(config, recipe=None):
    """The objective of a model with this `MaskedConfig`."""
    kind = MaskedPixels if config.mask_target == "pixels" else MaskedColours
    return kind.of(config, recipe)


def at_patches(targets, prediction):
    """Of targets (B, N, k) those of the predicted patches, (B, n, k)."""
    rows = array_module(targets).arange(len(targets))[:, None]
    return targets[rows, prediction.patches]


@dataclass(frozen=True)
class MaskedColours:
    """Name the mean colours of the corrupted patches: softmax cross-entropy over 512 colours.

        loss = the mean over images, corrupted patches and cells of -log p(colour)

    height, width: of a patch; patches: how many of an image are predicted; cells: parts a side that
    a patch is cut into.
    """

    height: int
    width: int
    patches: int
    cells: int = 1
    channels: int = 3

    name: ClassVar = "masked"
    metrics: ClassVar = (Metric("loss", "nats", False), Metric("accuracy", "%", True, "acc"))
    deciding: ClassVar = "accuracy"
    sums: ClassVar = {"loss": float, "correct": int}

    @classmethod
    def of(cls, config, recipe):
        """The objective of a run with this model."""
        sizes = *config.patch_shape, config.masked_patches
        return cls(*sizes, config.cells, config.channels)

    @property
    def note(self):
        """What a run says of it."""
        cells = "" if self.cells == 1 else f"{self.cells} x {self.cells} "
        colour = f"mean colour{'s' if cells else ''}, of {self.colours}"
        return f"predicting the {cells}{colour}, of {self.patches} corrupted patches an image"

    @property
    def colours(self):
        """How many colours there are: 8 levels of each channel."""
        return 1 << (BITS * self.channels)

    @property
    def outputs(self):
        """The width of the head: a logit for each colour of each cell."""
        return self.cells**2 * self.colours

    def targets_in(self, images):
        """The colours of all patches of images (B, H, W, C) uint8, (B, N, cells^2)."""
        return colours(images, (self.height, self.width), self.cells)

    def train(self, prediction, targets, share):
        """`Prediction`, targets (B, N, cells^2) -> dvalues (B, n, outputs), sums."""
        logits, labels = self._rows(prediction, targets)
        loss, cache = CrossEntropy().forward(logits, labels)
        dlogits = CrossEntropy().backward(share, cache)
        return dlogits.reshape(prediction.values.shape), self._sums(loss, logits, labels, targets)

    def evaluate(self, prediction, targets):
        """The sums of `train`."""
        logits, labels = self._rows(prediction, targets)
        return self._sums(CrossEntropy().forward(logits, labels)[0], logits, labels, targets)

    def values(self, sums, count):
        """Mean loss (nats) and the share of colours that are right, over `count` images."""
        each = count * self.patches * self.cells**2
        return {"loss": sums["loss"] / count, "accuracy": sums["correct"] / each}

    def predict(self, values):
        """values (B, n, outputs) -> probabilities (B, n, cells^2, colours)."""
        return softmax(values.reshape(*values.shape[:2], -1, self.colours))

    def _rows(self, prediction, targets):
        """A row of logits for each colour to be named, and the labels."""
        labels = at_patches(targets, prediction).reshape(-1)
        return prediction.values.reshape(-1, self.colours), labels

    def _sums(self, loss, logits, labels, targets):
        return {"loss": loss * len(targets), "correct": correct(logits, labels)}


@dataclass(frozen=True)
class MaskedPixels:
    """Give the pixels of the corrupted patches, in 0..1: squared error.

    loss = the mean over images, corrupted patches and their numbers of (value - pixel)^2
    """

    height: int
    width: int
    patches: int
    channels: int = 3

    name: ClassVar = "masked-pixels"
    metrics: ClassVar = (Metric("squared_error", "", False, "error"),)
    deciding: ClassVar = "squared_error"
    sums: ClassVar = {"squares": float}

    @classmethod
    def of(cls, config, recipe):
        """The objective of a run with this model."""
        return cls(*config.patch_shape, config.masked_patches, config.channels)

    @property
    def note(self):
        """What a run says of it."""
        return f"predicting the pixels of {self.patches} corrupted patches an image"

    @property
    def outputs(self):
        """The width of the head: the numbers of a patch."""
        return self.height * self.width * self.channels

    def targets_in(self, images):
        """The pixels of all patches of images (B, H, W, C) uint8, (B, N, P*Q*C)."""
        return pixels(images, (self.height, self.width))

    def train(self, prediction, targets, share):
        """`Prediction`, targets (B, N, P*Q*C) -> dvalues (B, n, P*Q*C), sums."""
        loss, cache = SquaredError().forward(*self._rows(prediction, targets))
        dvalues = SquaredError().backward(share, cache)
        return dvalues.reshape(prediction.values.shape), self._sums(loss, targets)

    def evaluate(self, prediction, targets):
        """The sums of `train`."""
        loss, _ = SquaredError().forward(*self._rows(prediction, targets))
        return self._sums(loss, targets)

    def values(self, sums, count):
        """The mean squared error over `count` images."""
        return {"squared_error": sums["squares"] / count}

    def predict(self, values):
        """The pixels as they are."""
        return values

    def _rows(self, prediction, targets):
        """A row of numbers for each predicted patch, and its pixels."""
        wanted = at_patches(targets, prediction)
        return [each.reshape(-1, self.outputs) for each in (prediction.values, wanted)]

    def _sums(self, loss, targets):
        return {"squares": loss * len(targets)}


OBJECTIVES.update({kind.name: kind for kind in (MaskedColours, MaskedPixels)})
