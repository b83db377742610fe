"""GELU: a smooth gate. Large x passes, negative x is held back."""

import math
from dataclasses import dataclass

from ..arrays.backend import array_module, special
from .pieces import pieces

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
    slope is s * (1 - s) for each unit of 2u. Of u' only x * u' is needed, which is
    3u - 2 sqrt(2/pi) x: no power of x anew. `GeluErf` is the exact form; the two differ by at most
    4.8e-4 (near |x| = 2.7). Powers are written as products: x ** 3 calls a general power function,
    more than a hundred times slower.

    With `key`, in training, forward computes the slope of y too, s + x * s', while x, u and s are
    at hand in the processor's cache; backward is one product. Without `key` a backward is rare:
    forward keeps x and leaves the slope to it.

    Keeps the slope (x without `key`), M numbers a token.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2, its approximation.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (..., M) -> y (..., M), cache."""
        if key is not None:
            y, slope = output_and_slope(x)
            return y, (None, slope)
        y = array_module(x).empty(x.shape, dtype=x.dtype)
        for x_piece, y_piece in pieces(x, y):
            gate(x_piece, y_piece, y_piece)
            y_piece *= x_piece
        return y, (x, None)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., M), no gradients."""
        x, slope = cache
        if slope is None:
            _, slope = output_and_slope(x)
        return dy * slope, {}


def gate(x, u, s):
    """Write u over `u` and s = (1 + tanh(u)) / 2 over `s`, which may be the same array."""
    xp = array_module(x)
    factor = xp.multiply(x, x, out=u)
    factor *= ROOT * CUBIC
    factor += ROOT  # u / x
    u = xp.multiply(factor, x, out=u)
    tanh_u = xp.tanh(u, out=s)
    half = xp.multiply(tanh_u, 0.5, out=s)
    s = xp.add(half, 0.5, out=s)
    return u, s


def output_and_slope(x):
    """y = x * s and its derivative by x, s + x * s', each a new array of x's shape."""
    xp = array_module(x)
    y, slope = (xp.empty(x.shape, dtype=x.dtype) for _ in range(2))
    for x_piece, y_piece, slope_piece in pieces(x, y, slope):
        u = xp.empty(x_piece.shape, dtype=x.dtype)
        u, s = gate(x_piece, u, y_piece)  # s lies in y's memory
        # beyond 20, s * (1 - s) is 0 to the last bit; an infinite u would make it NaN
        xp.clip(u, -20.0, 20.0, out=u)
        two_x_slope_u = xp.multiply(u, 6.0, out=u)
        two_x_slope_u -= xp.multiply(x_piece, 4 * ROOT, out=slope_piece)
        x_slope_s = xp.subtract(1.0, s, out=slope_piece)
        x_slope_s *= s
        x_slope_s *= two_x_slope_u
        xp.add(s, x_slope_s, out=slope_piece)
        xp.multiply(x_piece, s, out=y_piece)
    return y, slope


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

    def forward(self, params, x, key=None):
        """x (..., M) -> y (..., M), cache. Raises BackendError without SciPy."""
        phi = special(x).erf(x * math.sqrt(0.5))
        phi += 1.0
        phi *= 0.5
        return x * phi, (x, phi)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., M), no gradients."""
        xp, (x, phi) = array_module(dy), cache
        exponent = x * x
        exponent *= -0.5
        density = xp.exp(exponent, out=exponent)
        density *= math.sqrt(0.5 / math.pi)  # phi'
        slope = xp.multiply(x, density, out=density)
        slope += phi
        return xp.multiply(dy, slope, out=slope), {}
