"""First values of parameters: float64 on the host, from one NumPy Generator `rng`.

With `rng` None every function returns zeros of zero stride, which take no memory: enough to count
parameters, and to load other values in their place.
"""

import math

import numpy as np


def zeros(rng, *shape):
    """An array of zeros."""
    return np.broadcast_to(0.0, shape) if rng is None else np.zeros(shape)


def ones(rng, *shape):
    """An array of ones (of zeros when rng is None)."""
    return np.broadcast_to(0.0, shape) if rng is None else np.ones(shape)


def normal(rng, *shape, std):
    """Normally distributed numbers of mean 0 and standard deviation `std`."""
    return np.broadcast_to(0.0, shape) if rng is None else std * rng.standard_normal(shape)


def xavier(rng, fan_in, fan_out, blocks=1):
    """A (fan_in, blocks * fan_out) matrix, uniform in +-sqrt(6 / (fan_in + fan_out)).

    `blocks` is the number of matrices side by side (3 for queries, keys and values). Each has the
    range that it would have on its own.
    Source: Glorot & Bengio 2010, eq. 16; the Vision Transformer's own code uses it.
    """
    shape = (fan_in, blocks * fan_out)
    if rng is None:
        return np.broadcast_to(0.0, shape)
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)
