"""The authors' npz files: plain NumPy arrays, checked as minivit's own files are.

Besides the numbers that NumPy knows they may hold bfloat16, as raw pairs of bytes: so big_vision
stores it. Arrays may lie in Fortran order, which `np.savez` writes for a transposed matrix.
"""

import numpy as np

from ..storage import npz
from .half import FLOATS, RAW_PAIRS, bfloat16


class AuthorsReader(npz.Reader):
    """`storage.npz.Reader`, which checks the whole file first, for files of another program."""

    what, maker, any_order = "an npz file of weights", "a file of weights", True

    def storable(self, dtype):
        """Numbers, or raw pairs of bytes."""
        return dtype == RAW_PAIRS or super().storable(dtype)


class AuthorsFile:
    """An npz file: {name: shape} as `shapes`, and `read(name)`."""

    def __init__(self, path, reader, size):
        """reader: an open AuthorsReader; it has to stay open as long as this is used."""
        self.path, self.size, self._reader, self.metadata = path, size, reader, {}
        self.shapes = {name: header.shape for name, header in reader.headers.items()}

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return self._reader.refuse(reason)

    def read(self, name):
        """The array `name` as float32; zipfile checks its CRC-32.

        Raises CheckpointError, and BackendError for bfloat16 without ml_dtypes.
        """
        dtype = self._reader.headers[name].dtype
        if dtype != RAW_PAIRS and dtype not in FLOATS:
            raise self.refuse(f"holds {name} as {dtype}; weights are floating-point numbers.")
        array = self._reader.read(name)
        if dtype == RAW_PAIRS:
            array = array.view(bfloat16(self.path))
        with np.errstate(over="ignore"):  # a float64 may be too large: it becomes infinite
            return array.astype(np.float32, copy=False)
