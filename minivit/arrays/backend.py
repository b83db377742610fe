"""NumPy or CuPy: find the library that owns an array, choose the library of a run.

There is no global switch. A layer asks its input, `xp = array_module(x)`, and has one formula for
both libraries. Only `select` chooses, and only there a GPU can be found missing. Importing minivit
never imports CuPy.
"""

import importlib
import sys

import numpy as np

from ..errors import BackendError, ConfigError
from ..text import unknown
from . import gpu


def array_module(x):
    """The module (numpy or cupy) whose array `x` is."""
    return sys.modules[type(x).__module__.partition(".")[0]]


def special(x):
    """scipy.special for a NumPy array, cupyx.scipy.special for a CuPy array (for `erf`).

    Raises BackendError if SciPy is missing.
    """
    root = array_module(x).__name__
    name = "scipy.special" if root == "numpy" else f"{root}x.scipy.special"
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BackendError("the exact (erf) GELU needs SciPy: pip install scipy") from None


def to_host(x):
    """`x` as a NumPy array. From a GPU this makes a copy, and waits for the GPU."""
    return x if isinstance(x, (np.ndarray, np.generic)) else x.get()


def to_device(x, xp):
    """The NumPy array `x` as an array of `xp`: `x` itself for NumPy, a copy on the GPU for CuPy."""
    return x if xp is np else xp.asarray(x)


def select(device="auto"):
    """The array module for a device: "cpu" -> numpy, "gpu" -> cupy, "auto" -> cupy if it works.

    Raises ConfigError for another name, BackendError if "gpu" is asked for and cannot be used.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ConfigError(unknown("device", device, ("auto", "cpu", "gpu")))
    if device == "cpu":
        return np
    problem = gpu.problem()
    if problem is None:
        return importlib.import_module("cupy")
    if device == "gpu":
        raise BackendError(f"no GPU can be used: {problem}")
    return np
