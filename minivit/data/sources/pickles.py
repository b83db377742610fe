"""Read CIFAR's Python pickles without executing anything from them.

A pickle is a small program: it can name any function of any module and call it. The genuine files
name only three: `numpy.core.multiarray._reconstruct`, `numpy.ndarray` and `numpy.dtype`. Here
each of these three names stands for a placeholder class that stores its arguments and does nothing
else. Every other name is refused. `_pixels` then checks the stored arguments and builds the array
from them, so not even NumPy's own unpickling code runs on the content of the file.
"""

import io
import pickle

import numpy as np

from ...errors import DataError


class _Placeholder:
    """Takes the place of a NumPy object and only stores its arguments."""

    state = ()

    def __init__(self, *args):
        self.args = args

    def __setstate__(self, state):
        self.state = state


class _Array(_Placeholder):
    """Takes the place of numpy.ndarray."""


class _DType(_Placeholder):
    """Takes the place of numpy.dtype."""


class _Reconstruct(_Placeholder):
    """Takes the place of the function that makes an empty array for `__setstate__` to fill."""


_ALLOWED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,  # its name since NumPy 2
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read(blob, count, label_key, where):
    """The pixels and labels of one pickled batch.

    blob       the bytes of the file
    count      how many images it must contain
    label_key  "labels" (CIFAR-10) or "fine_labels" (CIFAR-100)
    where      the file's path, for error messages

    Returns pixels (count, 3072) uint8 and labels, a list of `count` ints whose values are not
    checked. Raises DataError if the file is anything but a plain CIFAR batch.
    """
    try:
        batch = _Reader(io.BytesIO(blob), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise DataError(f"{where} is no plain CIFAR pickle and was not run: {reason}.") from None
    if not isinstance(batch, dict):
        raise DataError(f"{where} contains a {type(batch).__name__}, not a CIFAR batch.")
    # Files written by Python 2 have byte strings for keys.
    entries = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in batch.items()}
    for key in ("data", label_key):
        if key not in entries:
            raise DataError(f"{where} has no entry {key!r}; it is not the right CIFAR batch.")
    labels = entries[label_key]
    if not (
        isinstance(labels, list) and len(labels) == count and all(type(v) is int for v in labels)
    ):
        raise DataError(f"{where}: {label_key!r} is not a list of {count:,} integers.")
    return _pixels(entries["data"], count, where), labels


def _pixels(array, count, where):
    shape = (count, 3072)
    match array:
        case _Reconstruct(state=(_, stored, _DType(args=(b"u1" | "u1", *_)), fortran, bytes(raw))):
            if stored == shape and len(raw) == count * 3072:
                order = "F" if fortran else "C"
                return np.frombuffer(raw, np.uint8).reshape(shape, order=order)
    raise DataError(f"{where}: 'data' is not a uint8 array of shape {shape}.")
