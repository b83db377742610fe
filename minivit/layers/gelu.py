"""GELU: a smooth gate, x weighted by how far it lies above the others."""

import math
from dataclasses import dataclass

from ..backend import array_module, special

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class Gelu:
    """x times the normal distribution's share below x, in the tanh form that ViT was trained with.

        t  = tanh(u)        u = sqrt(2/pi) * (x + 0.044715 x^3)
        y  = x * (1 + t) / 2

        dx = dy * ((1 + t) / 2 + x * (1 - t^2) / 2 * du)
        du = sqrt(2/pi) * (1 + 3 * 0.044715 x^2)

    The two forms differ by at most 4.8e-4 (near |x| = 2.7); `GeluErf` is the exact one. Powers are
    written as products: x ** 3 calls a general power function, two hundred times slower.

    Keeps x and t, 2M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, rng=None):
        """x (..., M) -> y (..., M), cache."""
        t = x * x
        t *= ROOT * CUBIC
        t += ROOT
        t *= x  # u
        array_module(x).tanh(t, out=t)
        y = t + 1.0
        y *= x
        y *= 0.5
        return y, (x, t)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., M), no gradients."""
        x, t = cache
        du = x * x
        du *= 3 * ROOT * CUBIC
        du += ROOT
        slope = 1.0 - t * t
        slope *= x
        slope *= du
        slope += t
        slope += 1.0
        slope *= 0.5
        slope *= dy
        return slope, {}


@dataclass(frozen=True)
class GeluErf:
    """The exact form: x times the normal distribution function.

        phi(x) = (1 + erf(x / sqrt 2)) / 2
        y  = x * phi(x)

        dx = dy * (phi(x) + x * exp(-x^2 / 2) / sqrt(2 pi))

    Keeps x and phi, 2M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, eq. 1.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, rng=None):
        """x (..., M) -> y (..., M), cache. Raises BackendError without SciPy."""
        phi = special(x).erf(x * math.sqrt(0.5))
        phi += 1.0
        phi *= 0.5
        return x * phi, (x, phi)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., M), no gradients."""
        x, phi = cache
        dx = x * x
        dx *= -0.5
        array_module(x).exp(dx, out=dx)
        dx *= math.sqrt(0.5 / math.pi)
        dx *= x
        dx += phi
        dx *= dy
        return dx, {}
