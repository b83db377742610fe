"""DropPath: in training, leave a whole branch out now and then; the rest must do without it."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from .dropout import Dropout


@dataclass(frozen=True)
class DropPath:
    """Zero all of an image's numbers with probability `rate`, and scale up the other images'.

        y  = x * keep        keep = 1 / (1 - rate) with probability 1 - rate, else 0; one an image

        dx = dy * keep

    On a residual branch, before the sum, the image goes past the branch: each step trains some
    shallower network, and evaluation uses them all. `keep` is a `Dropout` of ones, so an image's
    depends on the key and on its index in the batch, and the rate is rounded as there. With key
    None, or rate 0, x itself passes through.

    Keeps one number an image.

    Source: Huang et al. 2016, "Deep networks with stochastic depth", arXiv:1603.09382, section 3;
    scaling in training, as here: Touvron et al. 2021, arXiv:2012.12877, in its code.
    """

    rate: float

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, ...) -> y (B, ...), cache; y is x itself when nothing is dropped."""
        if key is None or self.rate == 0:
            return x, None
        ones = array_module(x).ones((len(x), *[1] * (x.ndim - 1)), dtype=x.dtype)
        keep, _ = Dropout(self.rate).forward({}, ones, key)  # (B, 1, ...)
        return x * keep, keep

    def backward(self, dy, cache):
        """dy (B, ...) -> dx (B, ...), dy itself when nothing was dropped; no gradients."""
        return (dy if cache is None else dy * cache), {}
