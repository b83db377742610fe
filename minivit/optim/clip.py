"""Gradient clipping: limit the length of a gradient."""

from ..arrays.backend import array_module


def sum_of_squares(gradient):
    """The sum of squares of an array, as a float64 0-d array of the same library.

    In float32, the square of 1e20 would overflow to infinity.
    """
    wide = gradient.astype("float64")
    squares = array_module(wide).multiply(wide, wide, out=wide)
    return squares.sum()


def clip_scale(norm, max_norm):
    """The factor that makes a gradient of length `norm` no longer than `max_norm`.

        scale = min(1, max_norm / norm)

    The 1e-12 in the code prevents a division by 0 if all gradients are 0.

    Source: Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    return array_module(norm).minimum(1.0, max_norm / (norm + 1e-12))
