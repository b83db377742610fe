"""The authors' npz files: plain NumPy arrays, checked as minivit's own files are.

Besides the formats that NumPy knows, big_vision stores bfloat16 numbers, as raw pairs of bytes.
"""

import numpy as np

from ..storage import npz
from .numbers import to_float32

RAW_PAIRS = np.dtype("V2")
FORMATS = {"<f4": "float32", "<f8": "float64", "<f2": "float16", RAW_PAIRS.str: "bfloat16"}


class AuthorsReader(npz.Reader):
    """`storage.npz.Reader`, which checks the whole file first, for files of another program."""

    what = "an npz file of weights"

    def storable(self, dtype):
        """Numbers, or raw pairs of bytes."""
        return dtype == RAW_PAIRS or super().storable(dtype)


class AuthorsFile:
    """An npz file: `headers` by name, and `read(name)`."""

    def __init__(self, path, reader, size):
        """reader: an open AuthorsReader; it has to stay open as long as this is used."""
        self.path, self.size, self._reader, self.metadata = path, size, reader, {}
        self.headers = reader.headers

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return self._reader.refuse(reason)

    def read(self, name):
        """The array `name` as float32; zipfile checks its CRC-32. Raises CheckpointError."""
        kind = FORMATS.get(self.headers[name].dtype.str)
        if kind is None:
            stored = self.headers[name].dtype
            raise self.refuse(f"holds {name} as {stored}; weights are floating-point numbers.")
        array = self._reader.read(name)
        return to_float32(array.view("<u2") if kind == "bfloat16" else array, kind)
