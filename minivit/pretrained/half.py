"""The number formats in which weights are published; all are read as float32."""

import numpy as np

from ..errors import BackendError

FLOATS = (np.float32, np.float64, np.float16)
RAW_PAIRS = np.dtype("V2")  # bfloat16 in an npz file: NumPy has no such dtype


def bfloat16(path):
    """The dtype bfloat16, which NumPy knows after this. path: what needs it.

    Raises BackendError without the package ml_dtypes.
    """
    try:
        import ml_dtypes
    except ImportError:
        raise BackendError(
            f"{path} holds bfloat16 numbers, and reading them needs a package: "
            "pip install ml_dtypes"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)
