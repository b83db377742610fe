"""NumPy's matrix library (BLAS): which one it is, and whether something holds it back."""

import os

import numpy as np

from .workers import available_cores

# Widths of vector instructions, each twice the work of the one before, or more.
LEVELS = ("SSE", "AVX", "AVX2", "AVX-512")
# What OpenBLAS calls its kernel sets, in the order of LEVELS. Source: its cpuid_x86.c, dynamic.c.
KERNELS = (
    "katmai coppermine northwood prescott banias core2 penryn dunnington nehalem atom nano athlon "
    "opteron opteron_sse3 barcelona bobcat",
    "sandybridge bulldozer piledriver steamroller excavator",
    "haswell zen",
    "skylakex cooperlake sapphirerapids",
)
# Where each library reads how many threads to use; the first that is set counts.
THREAD_VARIABLES = {
    "openblas": ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "blis": ("BLIS_NUM_THREADS", "OMP_NUM_THREADS"),
}


def note(threads=True):
    """One line if NumPy's matrix library is held below what the machine offers, and the way out.

    "" if it is not. `threads`: whether it counts how many threads the library may use; in training
    they do not, as workers hold it to one. Cheap: reads the environment, the processor's flags
    and threadpoolctl.
    """
    try:
        import threadpoolctl  # noqa: F401
    except ImportError:
        return (
            "NumPy's matrix library runs without thread control, so one worker thread feeds it: "
            "pip install threadpoolctl"
        )
    found = library()
    if found is None:
        if os.environ.get("VECLIB_MAXIMUM_THREADS") == "1":
            return ""
        return (
            f"NumPy's matrix library ({built_with()}) runs without thread control, so workers and "
            "its own threads compete: set VECLIB_MAXIMUM_THREADS=1 OMP_NUM_THREADS=1 before Python "
            "starts"
        )
    pins = _kernel_pin(found), _thread_pin(found) if threads else None
    pins = [pin for pin in pins if pin]
    if not pins:
        return ""
    remarks, variables = zip(*pins, strict=True)
    names = " ".join(filter(None, variables))
    way = f"unset {names}" if names else "a newer NumPy may do better: pip install -U numpy"
    return f"NumPy's matrix library is held back: {' and '.join(remarks)}; {way}"


def _kernel_pin(library):
    """(what is slower than it need be, the variable that says so) for the kernel set, or None."""
    kernels, offered = library.get("architecture") or "", vector_level()
    levels = [i for i, names in enumerate(KERNELS) if kernels.lower() in names.split()]
    if not levels or offered is None or levels[0] >= offered:
        return None
    value = os.environ.get("OPENBLAS_CORETYPE")
    cause = f"OPENBLAS_CORETYPE={value} makes it use" if value else "it uses"
    remark = f"{cause} {kernels} kernels ({LEVELS[levels[0]]}) on a CPU with {LEVELS[offered]}"
    return remark, "OPENBLAS_CORETYPE" if value else None


def _thread_pin(library):
    """(what is slower than it need be, the variable that says so) for its threads, or None."""
    cores = available_cores()
    for variable in THREAD_VARIABLES.get(library["internal_api"], ()):
        text = os.environ.get(variable, "").strip()
        if text.isdecimal() and int(text) > 0:
            remark = f"{variable}={text} keeps it from the {cores} cores here (not worker threads)"
            return (remark, variable) if int(text) < cores else None
    return None


def library():
    """threadpoolctl's entry for NumPy's BLAS, a dict; None if it knows none or is not there."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    found = [one for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
    found.sort(key=lambda one: "numpy" not in one["filepath"])  # SciPy brings one of its own
    return found[0] if found else None


def built_with():
    """The BLAS that NumPy was built with, by name."""
    parts = np.show_config(mode="dicts").get("Build Dependencies", {})
    return parts.get("blas", {}).get("name", "of unknown name")


def vector_level():
    """The index in LEVELS of what this x86 CPU offers; None where that cannot be read."""
    flags = set(cpuinfo("flags").split())
    if not flags:
        return None
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return 3
    return 2 if {"avx2", "fma"} <= flags else int("avx" in flags)


def cpuinfo(key):
    """The first value of `key` in /proc/cpuinfo; "" where there is none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            found = (line.partition(":") for line in lines)
            return next((value.strip() for name, _, value in found if name.strip() == key), "")
    except OSError:
        return ""
