"""Can CuPy compute on a GPU, and if not, what is missing and what to install?"""

import importlib.util
import re
import sys
import warnings


def note():
    """A sentence for a run on the CPU although CuPy is installed; "" if CuPy is not installed."""
    reason = importlib.util.find_spec("cupy") and problem()
    return f"Running on the CPU, since no GPU can be used: {reason}" if reason else ""


def problem():
    """None if CuPy can compute on a GPU, else a message: what is missing and what to do."""
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {_pip_install()}, or use --device cpu"
    with warnings.catch_warnings(record=True) as caught:  # CuPy's own warnings fill a page
        message = _cupy_problem()
    if message is None:
        for warning in caught:
            warnings.showwarning(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return message


def _cupy_problem():
    """`problem` if CuPy is installed: import it, find a GPU, compute on it."""
    try:
        import cupy

        if not cupy.cuda.is_available():
            return _no_device()
    except Exception as error:  # a wheel for another CUDA, or the rest of a removed one
        return f"CuPy does not import ({_reason(error)}); {_pip_replace()}"
    try:  # some missing or old libraries fail only when something runs: kernels, a product, a sum
        x = cupy.arange(6.0).reshape(2, 3)
        total = float((x @ x.T).sum())
    except Exception as error:
        reason = _reason(error)
        if "out of memory" in reason.lower():
            return f"the GPU's memory is full ({reason}); `nvidia-smi` shows what else runs there"
        update = "update the NVIDIA driver, or " if "InsufficientDriver" in reason else ""
        return f"CuPy finds a GPU but cannot compute on it ({reason}); {update}{_pip_replace()}"
    return None if total == 83 else f"a test sum on the GPU is {total:g} and should be 83"


def _no_device():
    """The message for a CuPy that imports but finds no GPU."""
    driver, wheels = driver_cuda(), _wheels()
    if driver is None:
        return (
            "CuPy is installed but there is no NVIDIA driver; install it (or start the container "
            "with --gpus all), or use --device cpu"
        )
    if driver < (12, 0):
        return f"the NVIDIA driver supports CUDA {driver[0]}.{driver[1]}, CuPy needs 12: update it"
    if len(wheels) > 1 or max(wheels, default="") > _wheel_for(driver):  # 13x sorts after 12x
        return f"CuPy does not match the NVIDIA driver; {_pip_replace()}"
    return (
        "CuPy is installed but finds no CUDA device; check `nvidia-smi` and CUDA_VISIBLE_DEVICES, "
        "or use --device cpu"
    )


def _reason(error):
    """The message of an error in one line: CuPy's errors have many lines."""
    text = str(error).partition("Original error:")[2] or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip(" =")]
    return lines[0].rstrip(".") if lines else type(error).__name__


def driver_cuda():
    """The newest CUDA that the NVIDIA driver supports, (major, minor); None without a driver."""
    try:
        import ctypes  # here, because a Python may be built without it

        version = ctypes.c_int(0)
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        driver.cuDriverGetVersion(ctypes.byref(version))
    except (ImportError, OSError, AttributeError):
        return None
    return divmod(version.value // 10, 100) if version.value else None  # 12040 is 12.4


def _wheels():
    """The names of the installed CuPy packages. There should be one, because they share files."""
    import importlib.metadata  # here, because it takes a third of minivit's time to import

    metadata = [package.metadata or {} for package in importlib.metadata.distributions()]
    names = {fields.get("Name") or "" for fields in metadata}
    return sorted(name for name in names if re.fullmatch(r"cupy(-(cuda|rocm).+)?", name))


def _wheel_for(driver):
    """The CuPy package for a driver, which runs CUDA of its own major version and older ones."""
    return "cupy-cuda12x" if driver < (13, 0) else "cupy-cuda13x"


def _pip_install():
    """How to install the CuPy that matches the driver; [ctk] adds CUDA's own libraries."""
    driver = driver_cuda()
    if driver is None:
        wheel, why = "cupy-cuda13x", "or cupy-cuda12x: `nvidia-smi` shows the CUDA version"
    else:
        wheel, why = _wheel_for(driver), f"the driver supports CUDA {driver[0]}.{driver[1]}"
    return f'pip install "{wheel}[ctk]" ({why})'


def _pip_replace():
    """How to remove the installed CuPy and install the one that matches the driver."""
    wheels = _wheels()
    if not wheels:
        places = importlib.util.find_spec("cupy").submodule_search_locations or ["the old CuPy"]
        return f"remove {places[0]} first, then {_pip_install()}"
    several = "two CuPy packages overwrite each other's files: " if len(wheels) > 1 else ""
    return f"{several}pip uninstall {' '.join(wheels)} first, then {_pip_install()}"
