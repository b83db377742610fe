"""The number formats of published weights, all read as float32."""

import numpy as np

# {name: dtype of the stored bytes}. bfloat16 is the upper half of a float32's bits; NumPy has no
# such dtype, so it is stored as 16-bit integers.
STORED = {"float32": "<f4", "float64": "<f8", "float16": "<f2", "bfloat16": "<u2"}


def to_float32(stored, name):
    """An array of stored numbers of the format `name`, in any shape -> float32.

    float32 is returned as it is, without a copy.
    """
    if name == "bfloat16":
        wide = stored.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    with np.errstate(over="ignore"):  # a float64 may be too large: it becomes infinite
        return stored.astype(np.float32, copy=False)
