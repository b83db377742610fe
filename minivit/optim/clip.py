"""Clipping: no gradient is longer than a given length."""

from ..arrays.backend import array_module


def sum_of_squares(gradient):
    """The sum of squares of an array, a float64 0-d array of its library.

    Summed in float64: in float32 a gradient of 1e20 overflows to infinity.
    """
    wide = gradient.astype("float64")
    squares = array_module(wide).multiply(wide, wide, out=wide)
    return squares.sum()


def clip_scale(norm, max_norm):
    """What to multiply a gradient of length `norm` by so that it is no longer than `max_norm`.

        scale = min(1, max_norm / norm)

    The 1e-12 in the code keeps a gradient of zeros from dividing by 0.

    Source: Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    return array_module(norm).minimum(1.0, max_norm / (norm + 1e-12))
