"""Can CuPy compute on a GPU, and if not, what is missing and what to install?"""

import ctypes
import importlib.util
import re
import sys
import warnings


def note():
    """A sentence for who has CuPy but runs on the CPU all the same; "" where CuPy is not there."""
    found = importlib.util.find_spec("cupy") and problem()
    return f"Running on the CPU, since no GPU can be used: {found}" if found else ""


def problem():
    """None when CuPy can compute on a GPU, else the words: what is missing and what to do."""
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {_pip_install()}, or use --device cpu"
    with warnings.catch_warnings(record=True) as noted:  # CuPy fills a page on two of its wheels
        found = _cupy_problem()
    for note in () if found else noted:
        warnings.showwarning(note.message, note.category, note.filename, note.lineno)
    return found


def _cupy_problem():
    """The same for a CuPy that is installed: import it, find a GPU, compute on it."""
    try:
        import cupy

        if not cupy.cuda.is_available():
            return _no_device()
    except Exception as error:  # a wheel for another CUDA, or what is left of one half removed
        return f"CuPy does not import ({_reason(error)}); {_pip_replace()}"
    try:  # what is missing or too old shows only when something runs: kernels, a product, a sum
        x = cupy.arange(6.0).reshape(2, 3)
        proof = float((x @ x.T).sum())
    except Exception as error:
        reason = _reason(error)
        if "out of memory" in reason.lower():
            return f"the GPU's memory is full ({reason}); `nvidia-smi` shows what else runs there"
        update = "update the NVIDIA driver, or " if "InsufficientDriver" in reason else ""
        return f"CuPy finds a GPU but cannot compute on it ({reason}); {update}{_pip_replace()}"
    return None if proof == 83 else f"the GPU computes {proof:g} where the sum is 83"


def _no_device():
    """The words for a CuPy that imports but finds no GPU."""
    driver, wheels = driver_cuda(), _wheels()
    if driver is None:
        return (
            "CuPy is installed but there is no NVIDIA driver; install it (in a container: start "
            "that with --gpus all), or use --device cpu"
        )
    if driver < (12, 0):
        return f"the NVIDIA driver knows CUDA {driver[0]}.{driver[1]}, CuPy needs 12: update it"
    if len(wheels) > 1 or max(wheels, default="") > _wheel_for(driver):  # 13x sorts after 12x
        return f"CuPy does not suit the NVIDIA driver; {_pip_replace()}"
    return (
        "CuPy is installed but finds no CUDA device; check `nvidia-smi` and CUDA_VISIBLE_DEVICES, "
        "or use --device cpu"
    )


def _reason(error):
    """What an error says, in a line: CuPy's come in a page of advice, the kernels' in many."""
    text = str(error).partition("Original error:")[2] or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip(" =")]
    return lines[0].rstrip(".") if lines else type(error).__name__


def driver_cuda():
    """The newest CUDA that the NVIDIA driver knows, (major, minor); None without a driver."""
    version = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        driver.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return divmod(version.value // 10, 100) if version.value else None  # 12040 is 12.4


def _wheels():
    """The CuPy packages that are installed, by name. There should be one: they share files."""
    import importlib.metadata  # here, as it takes a third of the time that importing minivit does

    labels = [found.metadata or {} for found in importlib.metadata.distributions()]
    names = {label.get("Name") or "" for label in labels}
    return sorted(name for name in names if re.fullmatch(r"cupy(-(cuda|rocm).+)?", name))


def _wheel_for(driver):
    """The package for a driver: it runs CUDA of its own major version and of older ones."""
    return "cupy-cuda12x" if driver < (13, 0) else "cupy-cuda13x"


def _pip_install():
    """How to install the CuPy that suits the driver; [ctk] adds CUDA's own libraries."""
    driver = driver_cuda()
    if driver is None:
        wheel, why = "cupy-cuda13x", "or cupy-cuda12x, whichever CUDA `nvidia-smi` names"
    else:
        wheel, why = _wheel_for(driver), f"the driver knows CUDA {driver[0]}.{driver[1]}"
    return f'pip install "{wheel}[ctk]" ({why})'


def _pip_replace():
    """How to get rid of the CuPy that is there, and then install the one that suits."""
    wheels = _wheels()
    if not wheels:
        places = importlib.util.find_spec("cupy").submodule_search_locations or ["the old CuPy"]
        return f"remove {places[0]} first, then {_pip_install()}"
    several = "two CuPy packages overwrite each other's files: " if len(wheels) > 1 else ""
    return f"{several}pip uninstall {' '.join(wheels)} first, then {_pip_install()}"
