"""Read CIFAR's Python pickles without executing anything from them.

A pickle can call any function of any module. The genuine files name only three:
`numpy.core.multiarray._reconstruct`, `numpy.ndarray` and `numpy.dtype`. `pickle_machine.py` reads
the file without calling them, and refuses every other name. `_pixels` then looks for the one
combination of these three that stands for an array, and builds it from its bytes, so not even
NumPy's own unpickling code runs on the content of the file.
"""

import numpy as np

from ...errors import DataError
from .pickle_machine import Call, Machine, Name

INSTRUCTIONS = 10  # most for each image; genuine files have at most 5 (file name, labels)
EMPTY_ARRAY = (  # the second is its name since NumPy 2
    Name("numpy.core.multiarray", "_reconstruct"),
    Name("numpy._core.multiarray", "_reconstruct"),
)
KNOWN = {*EMPTY_ARRAY, Name("numpy", "ndarray"), Name("numpy", "dtype")}


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
        batch = Machine(blob, INSTRUCTIONS * count + 1000, KNOWN).run()
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
    """The pixels in the state of the `Call` that stands for an array."""
    shape = (count, 3072)
    match array:
        case Call(function, state=(_, stored, Call(_, (b"u1" | "u1", *_)), fortran, bytes(raw))):
            if function in EMPTY_ARRAY and stored == shape and len(raw) == count * 3072:
                order = "F" if fortran else "C"
                return np.frombuffer(raw, np.uint8).reshape(shape, order=order)
    raise DataError(f"{where}: 'data' is not a uint8 array of shape {shape}.")
