"""The machine: processor, cores, matrix library; and whether other programs keep it busy."""

import os
import platform

import numpy as np

from ..cuda import wanted
from ..parallel import blas
from ..parallel.workers import available_cores


def busy_note():
    """A sentence if other programs keep this machine busy, so that timings are wrong; else ""."""
    load = load_average()
    if load is None or load < available_cores() / 2:
        return ""
    return (
        f"this machine is busy (load average {load:.1f} on {available_cores()} cores): do not "
        "trust the numbers below, least of all PyTorch's"
    )


def load_average():
    """The number of running programs, averaged over the last minute; None where unknown."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def describe(workers, xp=np):
    """The machine and its libraries, as JSON values. Call it outside of any `Workers`."""
    layers = "the kernels of minivit.cuda" if wanted(xp) else "the plain layers, minivit.layers"
    library, level = blas.library() or {}, blas.vector_level()
    version = library.get("version") or ""
    return {
        "processor": blas.cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": available_cores(),
        "vectors": None if level is None else blas.LEVELS[level],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{library.get('internal_api', blas.built_with())} {version}".strip(),
        "kernels": library.get("architecture"),
        "blas_threads": library.get("num_threads"),
        "workers": workers.count,
        "worker_kind": "processes" if workers.processes else "threads",
        "load_average": load_average(),
        "device": "cpu" if xp is np else _gpu(xp),
        "layers": layers,
    }


def _gpu(xp):
    """The GPU's name and the CuPy that drives it."""
    name = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())["name"].decode()
    return f"{name}, CuPy {xp.__version__}"
