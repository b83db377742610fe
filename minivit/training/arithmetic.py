"""What decides the last bits of a run's numbers: libraries, their kernels, the processor.

A checkpoint records it, and a run that goes on compares. Not part of it is what does not matter:
the number of workers, the operating system's version, the Python version.
"""

import platform

import numpy as np

from ..cuda import wanted as cuda_wanted
from ..parallel import blas

NAMES = {  # key: what a user calls it
    "numpy": "NumPy",
    "vectors": "NumPy's vector instructions",
    "blas": "the matrix library",
    "kernels": "the matrix library's kernels",
    "blas_threads": "the matrix library's threads",
    "machine": "the processor's kind",
    "scipy": "SciPy",
    "gpu": "the GPU",
    "cupy": "CuPy",
    "layers": "the layers",
}
PLURAL = ("vectors", "kernels", "blas_threads", "layers")


def arithmetic(xp, config):
    """What computes a run of the model `config` on numpy or cupy `xp` -> {key of NAMES: value}.

    None stands for what cannot be found out, as the kernels without threadpoolctl.
    """
    found = {"numpy": np.__version__, "machine": platform.machine()}
    if xp is not np:
        return {**found, **_of_gpu(xp, config)}
    library = blas.library() or {}
    name, version = library.get("internal_api"), library.get("version")
    return {
        **found,
        "vectors": _vectors(),
        "blas": f"{name} {version}" if name else None,
        "kernels": library.get("architecture"),
        "blas_threads": blas.threads(),
        **({"scipy": _version("scipy")} if config.gelu == "erf" else {}),
    }


def changes(then, now):
    """What differs between two of these, in words; "" if nothing does, or it is not known.

    then: what a checkpoint holds: {} in older ones.
    """
    words = [
        f"{NAMES[key]} {'are' if key in PLURAL else 'is'} {now[key]}, not {then[key]}"
        for key in now
        if None not in (now[key], then.get(key)) and now[key] != then[key]
    ]
    return "; ".join(words)


def unknown_now(then, now):
    """What was known of the saved run and cannot be found out here, in words; "" if nothing."""
    return ", ".join(NAMES[key] for key in now if now[key] is None and then.get(key) is not None)


def _vectors():
    """The processor's vector instructions that NumPy uses, such as "X86_V3 X86_V4"."""
    try:
        found = np.show_config(mode="dicts")["SIMD Extensions"]
        return " ".join([*found.get("baseline", ()), *found.get("found", ())]) or None
    except (KeyError, TypeError, AttributeError):
        return None


def _of_gpu(xp, config):
    """The GPU's name, the versions of CuPy and CUDA, and which layers run there."""
    try:
        name = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)["name"]
        cuda = xp.cuda.runtime.runtimeGetVersion()
        name = name.decode() if isinstance(name, bytes) else str(name)
    except Exception:  # a driver may refuse anything; what is not known is not compared
        name = cuda = None
    version = f"{xp.__version__} (CUDA {cuda})" if cuda else None
    layers = f"those of minivit.{'cuda' if cuda_wanted(xp, config) else 'layers'}"
    return {"gpu": name, "cupy": version, "layers": layers}


def _version(package):
    """The version of an installed package; None without it."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
