"""GELU: a smooth gate. Large x passes, negative x is held back."""

import math
from dataclasses import dataclass

from ..backend import array_module, special

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class Gelu:
    """x times a gate s, the tanh approximation of GELU that ViT was trained with.

        u = sqrt(2/pi) * (x + 0.044715 x^3)
        s = (1 + tanh(u)) / 2
        y = x * s

        u'  = sqrt(2/pi) * (1 + 3 * 0.044715 x^2)
        s'  = 2 * s * (1 - s) * u'
        dx  = dy * (s + x * s')

    u' and s' are slopes: the derivatives of u and s by x. s is the logistic function of 2u, whose
    slope is s * (1 - s) for each unit of 2u. `GeluErf` is the exact form; the two differ by at most
    4.8e-4 (near |x| = 2.7). Powers are written as products: x ** 3 calls a general power function,
    more than a hundred times slower.

    Keeps x and s, 2M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2, its approximation.
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
        slope = x * x
        slope *= 2 * 3 * ROOT * CUBIC
        slope += 2 * ROOT  # 2 u'
        dx = 1.0 - s
        dx *= s
        dx *= slope  # s'
        dx *= x
        dx += s
        dx *= dy
        return dx, {}


@dataclass(frozen=True)
class GeluErf:
    """The exact form: x times phi, the chance that a standard normal number lies below x.

        phi  = (1 + erf(x / sqrt(2))) / 2
        y    = x * phi

        phi' = exp(-x^2 / 2) / sqrt(2 pi)        the slope of phi: the normal density
        dx   = dy * (phi + x * phi')

    Keeps x and phi, 2M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2, its definition.
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
        dx *= math.sqrt(0.5 / math.pi)  # phi'
        dx *= x
        dx += phi
        dx *= dy
        return dx, {}
