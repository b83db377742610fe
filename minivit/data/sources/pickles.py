"""Read the "python" form of CIFAR, which is pickles, without executing anything from them.

A pickle is a small program: it may name any function in any module and call it. The genuine files
name three things only: `numpy.core.multiarray._reconstruct`, `numpy.ndarray` and `numpy.dtype`.
Here those three names lead to an inert class that keeps its arguments and does nothing, every
other name is refused, and the array is then put together from the kept arguments by code that
checks each one. Not even NumPy's own unpickling code runs on what the file says.
"""

import io
import pickle

import numpy as np

from ...errors import DataError


class _Inert:
    """Stands where a NumPy object would be: keeps what it was given."""

    state = ()

    def __init__(self, *args):
        self.args = args

    def __setstate__(self, state):
        self.state = state


class _Array(_Inert):
    """In the place of numpy.ndarray."""


class _DType(_Inert):
    """In the place of numpy.dtype."""


class _Reconstruct(_Inert):
    """In the place of the function that makes an empty array, to be filled by `__setstate__`."""


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


def read(blob, records, label_key, where):
    """The pixels and labels of one pickled batch.

    blob       the bytes of the file
    records    how many images it must hold
    label_key  "labels" (CIFAR-10) or "fine_labels" (CIFAR-100)
    where      path for the error messages

    Returns (pixels (records, 3072) uint8, labels: list of `records` ints, of any value).
    Raises DataError if it is anything else than a plain CIFAR batch.
    """
    try:
        batch = _Reader(io.BytesIO(blob), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise DataError(f"{where} is no plain CIFAR pickle and was not run: {reason}.") from None
    if not isinstance(batch, dict):
        raise DataError(f"{where} holds a {type(batch).__name__}, not a CIFAR batch.")
    # Files written by Python 2 have byte strings for keys.
    entries = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in batch.items()}
    for key in ("data", label_key):
        if key not in entries:
            raise DataError(f"{where} has no entry {key!r}; it is not the right CIFAR batch.")
    labels = entries[label_key]
    if not (
        isinstance(labels, list) and len(labels) == records and all(type(v) is int for v in labels)
    ):
        raise DataError(f"{where}: {label_key!r} is not a list of {records:,} integers.")
    return _pixels(entries["data"], records, where), labels


def _pixels(array, records, where):
    shape = (records, 3072)
    match array:
        case _Reconstruct(state=(_, found, _DType(args=(b"u1" | "u1", *_)), fortran, bytes(raw))):
            if found == shape and len(raw) == records * 3072:
                order = "F" if fortran else "C"
                return np.frombuffer(raw, np.uint8).reshape(shape, order=order)
    raise DataError(f"{where}: 'data' is not a uint8 array of shape {shape}.")
