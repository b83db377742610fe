"""What objectives have in common that say numbers about an image, judged in their own units."""

import math
from functools import lru_cache

import numpy as np

from ..arrays.backend import array_module, to_device
from ..text import printable
from .fields import check_fields, check_scale
from .metric import TARGETS, Metric, rounded

SHOWN, LISTED = 3, 20  # targets whose error every epoch shows, and a result lists


class Numbers:
    """What the regressions have in common: K targets, judged by the error of each.

        RMSE       = sqrt(mean over images of (prediction - target)^2)        in the target's units
        baseline   = the same for always predicting the mean of the training images' targets

    A subclass has the fields `targets` (K names) and `mean` (K numbers), a loss, `predict`, and
    `start` and `scale` (K numbers each): the loss sees (target - start) / scale.
    """

    def __post_init__(self):
        check_fields(self)
        check_scale(self.name, self.scale)

    @property
    def outputs(self):
        """The width of the head: K."""
        return len(self.targets)

    @property
    def metrics(self):
        """The loss, and for each target its RMSE and the baseline's."""

        def errors(name, detail):
            for target in self.targets:
                label = name if self.outputs == 1 else f"{name} {target}"
                yield Metric(self._of(name, target), TARGETS, False, printable(label), detail)

        loss = Metric("loss", self.unit, False)
        return loss, *errors("rmse", self.outputs > SHOWN), *errors("baseline_rmse", True)

    @property
    def deciding(self):
        """The RMSE of one target; of several, which have different units, the loss."""
        return "rmse" if self.outputs == 1 else "loss"

    @property
    def sums(self):
        """The loss, and of each target the squares, in its scale."""
        squares = (f"{of}_{k}" for of in ("squares", "baseline") for k in range(self.outputs))
        return dict.fromkeys(("loss", *squares), float)

    def train(self, output, targets, share):
        """output, targets (B, K) -> doutput, sums; targets in their own units."""
        loss, cache = self.loss.forward(output, self.scaled(targets))
        return self.loss.backward(share, cache), self._sums(loss, output, targets)

    def evaluate(self, output, targets):
        """The sums of `train`."""
        loss, _ = self.loss.forward(output, self.scaled(targets))
        return self._sums(loss, output, targets)

    def values(self, sums, count):
        """The mean loss, and each RMSE in its target's units."""
        values = {"loss": sums["loss"] / count}
        for of, name in (("squares", "rmse"), ("baseline", "baseline_rmse")):
            for k, (target, scale) in enumerate(zip(self.targets, self.scale, strict=True)):
                mean = max(0.0, sums[f"{of}_{k}"] / count)
                values[self._of(name, target)] = scale * math.sqrt(mean)
        return values

    def remark(self, values):
        """Each target's error beside that of always predicting the mean, on lines of their own."""
        lines = [self._compared(name, values) for name in self.targets[:LISTED]]
        if more := len(self.targets) - len(lines):
            lines.append(f"and {more} other targets")
        return "\n".join(lines)

    def _compared(self, target, values):
        """The line of `remark` for one target."""
        own, mean = values[self._of("rmse", target)], values[self._of("baseline_rmse", target)]
        explained = 1 - (own / mean) ** 2 if mean else 0.0
        verdict = f"{explained:.1%} of the variance explained"
        return (
            f"{printable(target)}: rmse {rounded(own)}; always predicting the mean, "
            f"{rounded(mean)}: {verdict if explained > 0 else 'the model is no better than that'}"
        )

    def scaled(self, targets):
        """Targets (B, K) as the loss sees them."""
        return (targets - row(self.start, targets)) / row(self.scale, targets)

    def _sums(self, loss, output, targets):
        scale = row(self.scale, output)
        off = (self.predict(output) - targets) / scale
        mean_off = (row(self.mean, output) - targets) / scale
        squares, baseline = (off * off).sum(axis=0), (mean_off * mean_off).sum(axis=0)
        sums = {"loss": loss * len(output)}
        for k in range(self.outputs):
            sums |= {f"squares_{k}": squares[k], f"baseline_{k}": baseline[k]}
        return sums

    def _of(self, metric, target):
        return metric if self.outputs == 1 else f"{metric}_{target}"


def row(values, like):
    """A tuple of numbers as an array (K,), in the dtype and on the device of `like`."""
    return _on_device(values, str(like.dtype), array_module(like))


@lru_cache(maxsize=64)
def _on_device(values, dtype, xp):
    return to_device(np.array(values, dtype), xp)
