"""Safetensors files, read with the package of that name; one of them, or shards with an index.

The package checks that the arrays lie in the file one after the other, up to its end. Each array is
read by its own opening: the file is mapped into memory, and what has been read of it would count as
this process's memory until it is closed.
"""

import os
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import BackendError, CheckpointError
from .beside import read_json
from .half import bfloat16

MAX_HEADER = 4 << 20  # bytes; that of the largest published ViT has 0.1 MiB
MAX_AXES = 8
FLOATS = {"F32", "F64", "F16", "BF16"}


class SafetensorsFile:
    """A file: {name: shape} as `shapes`, `metadata` {text: text}, and `read(name)`."""

    def __init__(self, path):
        """Read and check the header. Raises CheckpointError, BackendError without safetensors."""
        self.path = path
        self.size = self._check_header()
        self.shapes, self._kinds = {}, {}
        with self._opened() as file:
            self.metadata = file.metadata() or {}
            for name in file.keys():
                part = file.get_slice(name)
                self.shapes[name], self._kinds[name] = tuple(part.get_shape()), part.get_dtype()

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return CheckpointError(f"{self.path} {reason}")

    def _check_header(self):
        """The file's size, after a check that its header is not longer than that, or absurd."""
        info = os.stat(self.path)
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait
            raise self.refuse("is not a file.")
        with open(self.path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(info.st_size - 8, MAX_HEADER):
            raise self.refuse(
                "is no safetensors file, or is cut short: its header is not where it should be."
            )
        return info.st_size

    @contextmanager
    def _opened(self):
        """The file as the package opens it. Its errors become a CheckpointError."""
        try:
            from safetensors import SafetensorError, safe_open
        except ImportError:
            raise BackendError(
                f"reading {self.path} needs a package: pip install safetensors"
            ) from None
        try:
            with safe_open(self.path, framework="numpy") as file:
                yield file
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise self.refuse(f"is damaged, or cut short ({reason}); copy it again.") from None

    def read(self, name):
        """The array `name` as float32. Raises CheckpointError for other numbers than floats.

        Raises BackendError for bfloat16 without ml_dtypes.
        """
        kind, shape = self._kinds[name], self.shapes[name]
        if kind not in FLOATS:
            raise self.refuse(f"holds {name} as {kind}; weights are floating-point numbers.")
        if len(shape) > MAX_AXES:
            raise self.refuse(f"holds {name} with {len(shape)} axes, as no weights have.")
        if kind == "BF16":
            bfloat16(self.path)
        with self._opened() as file:
            array = file.get_tensor(name)
        with np.errstate(over="ignore"):  # a float64 may be too large: it becomes infinite
            return array.astype(np.float32, copy=False)


class Shards:
    """Several files with an index, model.safetensors.index.json, as if they were one."""

    def __init__(self, index):
        """index: the path of the index. Raises as `SafetensorsFile` does."""
        self.path = index
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not all(map(_plain, names.values())):
            raise self.refuse("has no weight_map that names files beside it.")
        files = {file: None for file in names.values()}
        for file in files:
            if not (path := Path(index).with_name(file)).exists():
                raise self.refuse(f"names {file}, which is not beside it; download it as well.")
            files[file] = SafetensorsFile(path)
        self.size = sum(file.size for file in files.values())
        self.metadata, self.shapes, self._files = {}, {}, {}
        for name, file in names.items():
            if name not in files[file].shapes:
                raise self.refuse(f"says that {name[:80]!r} is in {file}, and it is not.")
            self.shapes[name], self._files[name] = files[file].shapes[name], files[file]

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return CheckpointError(f"{self.path} {reason}")

    def read(self, name):
        """The array `name` as float32. Raises as `SafetensorsFile.read` does."""
        return self._files[name].read(name)


def _plain(name):
    """Whether a shard's name is that of a file in the same directory."""
    return isinstance(name, str) and name.endswith(".safetensors") and not set(name) & set("/\\:\0")
