"""GELU: a smooth gate, x weighted by how far it lies above the others."""

import math
from dataclasses import dataclass

from ..backend import array_module, special

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class Gelu:
    """x times the normal distribution's share below x, in the tanh form that ViT was trained with.

        u  = sqrt(2/pi) * (x + 0.044715 x^3)
        s  = (1 + tanh(u)) / 2
        y  = x * s

        ds = 2 * s * (1 - s) * du           du = sqrt(2/pi) * (1 + 3 * 0.044715 x^2)
        dx = dy * (s + x * ds)

    s is the logistic function of 2u, hence its slope. The two forms of GELU differ by at most
    4.8e-4 (near |x| = 2.7); `GeluErf` is the exact one. Powers are written as products: x ** 3
    calls a general power function, two hundred times slower.

    Keeps x and s, 2M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, rng=None):
        """x (..., M) -> y (..., M), cache."""
        s = x * x
        s *= ROOT * CUBIC
        s += ROOT
        s *= x  # u
        array_module(x).tanh(s, out=s)
        s *= 0.5
        s += 0.5
        return x * s, (x, s)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., M), no gradients."""
        x, s = cache
        du = x * x
        du *= 2 * 3 * ROOT * CUBIC
        du += 2 * ROOT  # 2 du
        dx = 1.0 - s
        dx *= s
        dx *= du  # ds
        dx *= x
        dx += s
        dx *= dy
        return dx, {}


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
