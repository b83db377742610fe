"""ReLU: the activation function of a residual network."""

from dataclasses import dataclass

from ..arrays.backend import array_module


@dataclass(frozen=True)
class Relu:
    """Keep positive numbers, make the others 0.

        y  = max(x, 0)

        dx = dy where x > 0, else 0

    At 0 it has a kink and no derivative; dx is 0 there.

    Keeps where x > 0, a byte a number.

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (...) -> y (...), cache."""
        return array_module(x).maximum(x, 0.0), x > 0

    def backward(self, dy, cache):
        """dy (...) -> dx (...), no gradients."""
        return dy * cache, {}
