"""Safetensors files: named arrays in one file, with no code in it.

    8 bytes     N, the length of the header, an unsigned integer, little-endian
    N bytes     the header, JSON: {name: {"dtype": "F32", "shape": [...], "data_offsets": [a, b]}},
                and "__metadata__": {text: text}
    the rest    the data: an array's bytes are a..b of it, in C order

Reading trusts nothing: the header must fit in the file, and the arrays must cover the data without
a gap, an overlap or a byte outside. Then every array is as large as the file says, and no more than
the file's size is ever allocated. An array is read when it is asked for, once, straight into its
memory. (The file is not mapped: a mapped file that another program shortens would end this one.)

Source: the format's description, github.com/huggingface/safetensors, README "Format".
"""

import json
import math
import os
from typing import NamedTuple

import numpy as np

from ..errors import CheckpointError
from ..storage import atomic, npz
from .beside import parsed
from .numbers import STORED, to_float32

KINDS = {"F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16"}
# Bytes of a number of each other kind: such arrays are counted and listed, but not read.
OTHERS = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "U32": 4,
          "I32": 4, "U64": 8, "I64": 8}  # fmt: skip
SIZES = {kind: np.dtype(STORED[name]).itemsize for kind, name in KINDS.items()} | OTHERS
MAX_HEADER = 4 << 20  # of the largest published ViT it has 0.1 MiB
MAX_AXES = 8


class Header(NamedTuple):
    """An array's shape, its number format ("float32"), and its place in the file."""

    shape: tuple
    kind: str
    start: int
    stop: int


class Safetensors:
    """A file whose header has been checked: `headers` by name, `metadata`, and `read(name)`."""

    def __init__(self, path):
        """Read and check the header. Raises CheckpointError, one sentence."""
        self.path = path
        self.size = os.path.getsize(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if self.size < 8 or not 2 <= length <= min(self.size - 8, MAX_HEADER):
                raise self.refuse("is no safetensors file, or is cut short: its header is not "
                                  "where it should be.")  # fmt: skip
            header = parsed(path, file.read(length), repeated=self.refuse)
        self.metadata = header.pop("__metadata__", None) or {}
        if not isinstance(self.metadata, dict):
            raise self.refuse("is damaged: its metadata are no names with values.")
        start = 8 + length
        self.headers = {name: self._header(name, entry, start) for name, entry in header.items()}
        self._check_cover(start)

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return CheckpointError(f"{self.path} {reason}")

    def _header(self, name, entry, data):
        """The Header of one entry. data: where the data begins in the file."""
        try:
            kind, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
            whole = all(type(number) is int and number >= 0 for number in (*shape, start, stop))
            if not whole or kind not in SIZES or len(shape) > MAX_AXES:
                raise ValueError
        except (TypeError, KeyError, ValueError):
            raise self.refuse(
                f"is damaged: {name[:80]!r} has no shape, dtype and place that can be meant."
            ) from None
        if stop - start != math.prod(shape) * SIZES[kind]:
            raise self.refuse(f"is damaged: {name[:80]!r} is not as long as its shape needs.")
        return Header(tuple(shape), KINDS.get(kind, kind), data + start, data + stop)

    def _check_cover(self, start):
        """Check that the arrays lie in the file one after the other, up to its end."""
        for name, header in sorted(self.headers.items(), key=lambda item: item[1][2:]):
            if header.start != start or header.stop > self.size:
                wrong = "outside the file" if header.stop > self.size else "over or apart from"
                wrong += "" if header.stop > self.size else " the array before it"
                raise self.refuse(f"is damaged or cut short: {name[:80]!r} lies {wrong}.")
            start = header.stop
        if start != self.size:
            raise self.refuse(f"is damaged: {self.size - start} bytes belong to no array.")

    def read(self, name):
        """The array `name` as float32. Raises CheckpointError for integers and unknown formats."""
        header = self.headers[name]
        if header.kind not in STORED:
            raise self.refuse(f"holds {name} as {header.kind}; weights are floating-point numbers.")
        stored = np.empty(header.shape, STORED[header.kind])
        with open(self.path, "rb") as file:
            file.seek(header.start)
            if file.readinto(npz.flat_bytes(stored)) != stored.nbytes:
                raise self.refuse("has become shorter while it was read; import it again.")
        return to_float32(stored, header.kind)


def write(path, arrays, metadata):
    """Write {name: float32 array} to `path`, atomically. metadata: {text: text}.

    Raises CheckpointError, and leaves `path` as it was, if it cannot be written.
    """
    with atomic.replacing(path) as temporary:
        write_new(temporary, arrays, metadata)


def write_new(path, arrays, metadata):
    """Write the new file `path`, and wait until it is on disk."""
    header, stop = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        start, stop = stop, stop + array.size * 4
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [start, stop]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8, as readers like it
    with open(path, "xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(npz.flat_bytes(np.ascontiguousarray(array, "<f4")))
        file.flush()
        os.fsync(file.fileno())
