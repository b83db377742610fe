"""Dropout: in training, set numbers to zero at random, so that the model relies on none of them."""

from dataclasses import dataclass

from ..arrays.backend import array_module, to_device


@dataclass(frozen=True)
class Dropout:
    """Set each number to zero with probability `rate`, and scale up the rest.

        y  = x * mask / (1 - rate)        mask = 1 with probability 1 - rate, else 0

        dx = dy * mask / (1 - rate)

    With this scale y equals x on average, so evaluation needs none: with key None, or rate 0, x
    itself passes through. Which numbers are dropped depends on the key and on the image's index in
    the batch (see `minivit.arrays.keys`), so it is the same however the batch is divided into
    micro-batches. The mask compares 16-bit random numbers with a threshold; so the rate is rounded
    to a multiple of 1/65536.

    Keeps the mask, one byte a number.

    Source: Srivastava et al. 2014, "Dropout", JMLR 15, section 4; scaling in training: section 10.
    """

    rate: float

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, ...) -> y (B, ...), cache; y is x itself when nothing is dropped."""
        threshold = min(round(self.rate * 65536), 65535)
        if key is None or threshold == 0:
            return x, None
        mask = to_device(key.uint16(x.shape) >= threshold, array_module(x))
        scale = 65536 / (65536 - threshold)  # 1 / (1 - rate), with the rounded rate
        y = x * mask
        y *= scale
        return y, (mask, scale)

    def backward(self, dy, cache):
        """dy (B, ...) -> dx (B, ...), dy itself when nothing was dropped; no gradients."""
        if cache is None:
            return dy, {}
        mask, scale = cache
        dx = dy * mask
        dx *= scale
        return dx, {}
