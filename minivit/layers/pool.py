"""Pooling: many tokens become the one vector that the head classifies."""

from dataclasses import dataclass

from ..backend import array_module


@dataclass(frozen=True)
class ClassPool:
    """Take the class token and drop the rest.

        y = x[:, 0]

        dx[:, 0] = dy, zero elsewhere

    Keeps the shape of x only; but y is a view, so who keeps y keeps all of x.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 4.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, rng=None):
        """x (B, T, D) -> y (B, D), a view of x, and the shape of x."""
        return x[:, 0], x.shape

    def backward(self, dy, cache):
        """dy (B, D) -> dx (B, T, D), no gradients."""
        dx = array_module(dy).zeros(cache, dtype=dy.dtype)
        dx[:, 0] = dy
        return dx, {}


@dataclass(frozen=True)
class MeanPool:
    """Average the patches; there is no class token.

        y = mean over tokens of x

        dx[:, t] = dy / T, the same for every token

    Every patch has its share of the gradient from the start; with a class token a patch has only
    what comes back through the attention paid to it. Keeps the shape of x only.

    Source: Zhai et al. 2022, arXiv:2106.04560; Beyer et al. 2022, arXiv:2205.01580.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, rng=None):
        """x (B, T, D) -> y (B, D), and the shape of x."""
        return x.mean(axis=1), x.shape

    def backward(self, dy, cache):
        """dy (B, D) -> dx (B, T, D), no gradients."""
        dx = array_module(dy).empty(cache, dtype=dy.dtype)
        dx[:] = (dy / cache[1])[:, None]
        return dx, {}
