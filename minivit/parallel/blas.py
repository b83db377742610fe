"""NumPy's matrix library (BLAS): which one it is, and whether a setting slows it down."""

import itertools
import os

import numpy as np

from .workers import available_cores

# Vector instructions of x86: each level does at least twice the work of the one before.
LEVELS = ("SSE", "AVX", "AVX2", "AVX-512")
# OpenBLAS's names of its kernel sets, one line for each of LEVELS. Source: its cpuid_x86.c and
# dynamic.c.
KERNELS = (
    "katmai coppermine northwood prescott banias core2 penryn dunnington nehalem atom nano athlon "
    "opteron opteron_sse3 barcelona bobcat",
    "sandybridge bulldozer piledriver steamroller excavator",
    "haswell zen",
    "skylakex cooperlake sapphirerapids",
)
# The variables that tell each library how many threads to use; the first that is set counts.
THREAD_VARIABLES = {
    "openblas": ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "blis": ("BLIS_NUM_THREADS", "OMP_NUM_THREADS"),
}


def note(threads=True):
    """One line that says how a setting slows the matrix library down, and what to do; "" if none.

    threads: whether a limit on the library's own threads counts. It does not in training, where
    each worker uses one thread of the library. Fast: it reads only the environment, the
    processor's flags and what threadpoolctl says.
    """
    try:
        import threadpoolctl  # noqa: F401
    except ImportError:
        return (
            "NumPy's matrix library runs without thread control, so there is only one worker: "
            "pip install threadpoolctl"
        )
    blas = library()
    if blas is None:
        if os.environ.get("VECLIB_MAXIMUM_THREADS") == "1":
            return ""
        return (
            f"NumPy's matrix library ({built_with()}) runs without thread control, so workers and "
            "its own threads compete: set VECLIB_MAXIMUM_THREADS=1 OMP_NUM_THREADS=1 before Python "
            "starts"
        )
    limits = _kernel_limit(blas), _thread_limit(blas) if threads else None
    limits = [limit for limit in limits if limit]
    if not limits:
        return ""
    reasons, variables = zip(*limits, strict=True)
    names = " ".join(filter(None, variables))
    advice = f"unset {names}" if names else "a newer NumPy may do better: pip install -U numpy"
    return f"NumPy's matrix library is slower than it could be: {' and '.join(reasons)}; {advice}"


def _kernel_limit(blas):
    """(reason, environment variable or None) if the kernels use too old instructions, or None."""
    kernels, offered = blas.get("architecture") or "", vector_level()
    levels = [i for i, names in enumerate(KERNELS) if kernels.lower() in names.split()]
    if not levels or offered is None or levels[0] >= offered:
        return None
    value = os.environ.get("OPENBLAS_CORETYPE")
    cause = f"OPENBLAS_CORETYPE={value} makes it use" if value else "it uses"
    reason = f"{cause} {kernels} kernels ({LEVELS[levels[0]]}) on a CPU with {LEVELS[offered]}"
    return reason, "OPENBLAS_CORETYPE" if value else None


def _thread_limit(blas):
    """(reason, environment variable) if the library may use fewer threads than cores, or None."""
    cores = available_cores()
    for variable in THREAD_VARIABLES.get(blas["internal_api"], ()):
        text = os.environ.get(variable, "").strip()
        if text.isdecimal() and int(text) > 0:
            reason = f"{variable}={text} keeps it from the {cores} cores here (not worker threads)"
            return (reason, variable) if int(text) < cores else None
    return None


def library():
    """threadpoolctl's entry for NumPy's BLAS, a dict; None without threadpoolctl or an entry."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    entries = [entry for entry in threadpoolctl.threadpool_info() if entry["user_api"] == "blas"]
    entries.sort(key=lambda entry: "numpy" not in entry["filepath"])  # SciPy has a BLAS of its own
    return entries[0] if entries else None


def threads():
    """How many threads of the library compute one product, here among workers.

    1, except without threadpoolctl: then what the environment says, or all cores.
    """
    try:
        import threadpoolctl  # noqa: F401

        return 1
    except ImportError:
        names = dict.fromkeys(itertools.chain(*THREAD_VARIABLES.values()))
        texts = (os.environ.get(name, "").strip() for name in names)
        return next((int(text) for text in texts if text.isdecimal()), available_cores())


def built_with():
    """The name of the BLAS that NumPy was built with."""
    parts = np.show_config(mode="dicts").get("Build Dependencies", {})
    return parts.get("blas", {}).get("name", "of unknown name")


def vector_level():
    """The index in LEVELS of the best that this x86 CPU has; None if that cannot be read."""
    flags = set(cpuinfo("flags").split())
    if not flags:
        return None
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return 3
    return 2 if {"avx2", "fma"} <= flags else int("avx" in flags)


def cpuinfo(key):
    """The first value of `key` in /proc/cpuinfo; "" if there is none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            pairs = (line.partition(":") for line in lines)
            return next((value.strip() for name, _, value in pairs if name.strip() == key), "")
    except OSError:
        return ""
