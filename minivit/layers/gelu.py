"""GELU: the activation function. It passes large x, suppresses negative x, and is smooth."""

import math
from dataclasses import dataclass

from ..arrays.backend import array_module, special
from .pieces import pieces

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class Gelu:
    """x times a gate s between 0 and 1: the tanh approximation of GELU.

        u = sqrt(2/pi) * (x + 0.044715 x^3)
        s = (1 + tanh(u)) / 2
        y = x * s

        u' = sqrt(2/pi) * (1 + 3 * 0.044715 x^2)
        s' = 2 * s * (1 - s) * u'
        y' = s + x * s'
        dx = dy * y'

    u', s' and y' are slopes: derivatives by x. s is the logistic function of 2u, whose derivative
    by 2u is s * (1 - s). The code needs x * u' only, and computes it as 3u - 2 sqrt(2/pi) x,
    without new powers of x. `GeluErf` is the exact form; the two differ by at most 4.8e-4, near
    |x| = 2.7. Powers are written as products, because x ** 3 calls a general power function that
    is more than a hundred times slower.

    In training (with `key`) forward also computes the slope y', while x, u and s are in the
    processor's cache; backward is then one product. In evaluation a backward is rare: forward
    keeps x, and backward computes the slope if it is called.

    Keeps the slope (in evaluation x), M numbers a token.

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


def inner(x, u):
    """Compute u = sqrt(2/pi) * (x + 0.044715 x^3) in the memory of the array `u` -> u."""
    xp = array_module(x)
    factor = xp.multiply(x, x, out=u)
    factor *= ROOT * CUBIC
    factor += ROOT  # u / x = sqrt(2/pi) * (1 + 0.044715 x^2)
    return xp.multiply(factor, x, out=u)


def gate(x, u, s):
    """Compute u and s = (1 + tanh(u)) / 2 in the memory of the arrays `u` and `s` -> u, s.

    `u` and `s` may be one array if the caller needs only s.
    """
    xp, u = array_module(x), inner(x, u)
    tanh_u = xp.tanh(u, out=s)
    half = xp.multiply(tanh_u, 0.5, out=s)
    s = xp.add(half, 0.5, out=s)
    return u, s


def output_and_slope(x):
    """y = x * s and its slope y', two new arrays of x's shape."""
    xp = array_module(x)
    y, slope = (xp.empty(x.shape, dtype=x.dtype) for _ in range(2))
    for x_piece, y_piece, slope_piece in pieces(x, y, slope):
        u = xp.empty(x_piece.shape, dtype=x.dtype)
        # beyond 100, s * (1 - s) is 0 to the last bit; an infinite x * u' would make that NaN
        near = xp.clip(x_piece, -100.0, 100.0, out=slope_piece)
        u, s = gate(near, u, y_piece)  # s is in the memory of y, which is written last
        two_x_slope_u = xp.multiply(u, 6.0, out=u)
        two_x_slope_u -= xp.multiply(near, 4 * ROOT, out=near)  # 2 x u'
        x_slope_s = xp.subtract(1.0, s, out=slope_piece)
        x_slope_s *= s
        x_slope_s *= two_x_slope_u  # x s'
        xp.add(s, x_slope_s, out=slope_piece)
        xp.multiply(x_piece, s, out=y_piece)
    return y, slope


@dataclass(frozen=True)
class GeluErf:
    """The exact form: x times phi, the probability that a standard normal number is below x.

        phi  = (1 + erf(x / sqrt(2))) / 2
        y    = x * phi

        phi' = exp(-x^2 / 2) / sqrt(2 pi)        the derivative of phi: the normal density
        y'   = phi + x * phi'
        dx   = dy * y'

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
