"""Arguments of a call to worker processes: arrays in a shared buffer, the rest in a pipe."""

from typing import NamedTuple

import numpy as np

ALIGNMENT = 64  # bytes: every array in the buffer starts at a multiple of it


class ArrayLocation(NamedTuple):
    """Where in the buffer an array is; `offset` in bytes."""

    shape: tuple
    dtype: np.dtype
    offset: int

    def view(self, buffer):
        """The array in `buffer`, without a copy."""
        return np.ndarray(self.shape, self.dtype, buffer, self.offset)


def locate(args):
    """Give every array of `args` a place -> (args with ArrayLocations for arrays, bytes in all).

    Arrays of Python objects keep their place in `args`: their elements are not in shared memory.
    """
    located, end = list(args), 0
    for i, arg in enumerate(args):
        if isinstance(arg, np.ndarray) and not arg.dtype.hasobject:
            located[i] = ArrayLocation(arg.shape, arg.dtype, end)
            end += ALIGNMENT * (arg.nbytes // ALIGNMENT + 1)
    return located, end


def write(args, located, buffer):
    """Copy the arrays of `args` to where `locate` placed them."""
    for arg, location in zip(args, located, strict=True):
        if isinstance(location, ArrayLocation):
            location.view(buffer)[...] = arg


def read(located, buffer):
    """The arguments again, a list; arrays are views of `buffer`."""
    return [arg.view(buffer) if isinstance(arg, ArrayLocation) else arg for arg in located]
