"""How parameters start: float64 on the host, from one NumPy Generator.

Every function takes `rng=None` for "shapes only": zeros of zero stride, which cost no memory, for
counting parameters and for loading other values over them.
"""

import math

import numpy as np


def zeros(rng, *shape):
    """Zeros (a zero-stride view when rng is None)."""
    return np.broadcast_to(0.0, shape) if rng is None else np.zeros(shape)


def ones(rng, *shape):
    """Ones (a zero-stride view of zero when rng is None)."""
    return np.broadcast_to(0.0, shape) if rng is None else np.ones(shape)


def normal(rng, *shape, std):
    """Normal numbers of mean 0 and the given standard deviation."""
    return np.broadcast_to(0.0, shape) if rng is None else std * rng.standard_normal(shape)


def xavier(rng, fan_in, fan_out, blocks=1):
    """A (fan_in, blocks * fan_out) matrix, uniform in +-sqrt(6 / (fan_in + fan_out)).

    `blocks` matrices side by side (queries, keys and values) keep the range of a single one.
    Source: Glorot & Bengio 2010, eq. 16; the Vision Transformer's own code uses it.
    """
    shape = (fan_in, blocks * fan_out)
    if rng is None:
        return np.broadcast_to(0.0, shape)
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)
