"""DropPath: in training, skip a whole residual branch for some images (stochastic depth)."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from .dropout import Dropout


@dataclass(frozen=True)
class DropPath:
    """Set an image's branch to zero with probability `rate`, and scale up the other images'.

        y  = x * keep        keep: one number an image, 1 / (1 - rate) with probability 1 - rate,
                             else 0
        dx = dy * keep

    The layer stands at the end of a residual branch, before the sum, so a dropped image skips the
    branch. Each step trains a shallower network; evaluation uses all branches. `keep` is `Dropout`
    of ones: it depends on the key and on the image's index in the batch, and the rate is rounded
    in the same way. With key None, or rate 0, x itself passes through.

    Keeps `keep`, one number an image.

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
