"""A GPU that cannot be used: one sentence says what is missing and what to do.

Each case replaces CuPy by a package `cupy` of a few lines; the installed packages and the driver
are simulated too.
"""

import ctypes
import os
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
import strict_cupy
import tqdm  # noqa: F401  before the tests hide installed packages
from program import ROOT, few_shapes, train

from minivit.__main__ import main as minivit
from minivit.arrays import gpu
from minivit.arrays.backend import select
from minivit.commands.exits import run
from minivit.errors import BackendError

FOUND = "class cuda:\n    is_available = staticmethod(lambda: True)\n"
NOT_FOUND = FOUND.replace("True", "False")
NO_LIBRARY = "libcudart.so.12: cannot open shared object file"
PAGE = f"""raise ImportError('''
================================================================
Failed to import CuPy.

If you installed CuPy via wheels, make sure that the package matches the version of CUDA.

Original error:
  ImportError: {NO_LIBRARY}
================================================================
''')"""
WARNING = 'import warnings\nwarnings.warn("\\n----\\n  multiple CuPy packages\\n----\\n")\n'
OLD = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
FULL = "Out of memory allocating 9,663,676,416 bytes (allocated so far: 1,024 bytes)."
FOR_12 = 'pip install "cupy-cuda12x[ctk]" (the driver supports CUDA 12.4)'
FOR_13 = 'pip install "cupy-cuda13x[ctk]" (the driver supports CUDA 13.0)'
EITHER = 'pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x: `nvidia-smi` shows the CUDA version)'


def raising(error):
    """The source of a CuPy that finds a GPU and raises `error` when it computes."""
    return f"{FOUND}\ndef arange(*_):\n    raise {error}\n"


def write(source, place):
    (place / "cupy").mkdir()
    if source:
        (place / "cupy" / "__init__.py").write_text(source)


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """pretend(source of cupy, packages, driver); with source "" cupy is an empty folder."""

    def prepare(source=None, packages=(), driver=None):
        if source is not None:
            write(source, tmp_path)
        for name in packages:
            label = tmp_path / f"{name.replace('-', '_')}-14.0.dist-info" / "METADATA"
            label.parent.mkdir()
            label.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 14.0\n")
        others = [place for place in sys.path if not place.endswith("-packages")]
        monkeypatch.setattr(sys, "path", [str(tmp_path), *others])
        monkeypatch.setattr(gpu, "driver_cuda", lambda: driver)
        for name in [name for name in sys.modules if name.partition(".")[0] == "cupy"]:
            monkeypatch.delitem(sys.modules, name)

    yield prepare
    sys.modules.pop("cupy", None)  # then monkeypatch restores it


def words():
    """What select("gpu") says, which is one line without warnings; "auto" then takes NumPy."""
    with warnings.catch_warnings(record=True) as noted, pytest.raises(BackendError) as error:
        warnings.simplefilter("always")
        select("gpu")
    sys.modules.pop("cupy", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert select("auto") is np
    said = str(error.value)
    assert said.startswith("no GPU can be used: ")
    assert "\n" not in said and "==" not in said and not noted
    return said.removeprefix("no GPU can be used: ")


@pytest.mark.parametrize(
    ("driver", "how"),
    [(None, EITHER), ((12, 4), FOR_12), ((13, 0), FOR_13), ((14, 1), '"cupy-cuda13x[ctk]"')],
)
def test_without_cupy_the_wheel_for_the_driver_is_named(pretend, driver, how):
    pretend(driver=driver)
    said = words()
    assert said.startswith("CuPy is not installed; pip install ") and how in said
    assert said.endswith(", or use --device cpu")


@pytest.mark.parametrize("source", [f"raise ImportError({NO_LIBRARY!r})", PAGE])
@pytest.mark.parametrize(("driver", "how"), [(None, EITHER), ((13, 0), FOR_13)])
def test_a_wheel_that_does_not_import_is_replaced(pretend, source, driver, how):
    pretend(source, ["cupy-cuda12x"], driver)
    said = words()
    assert said.startswith("CuPy does not import (") and f"{NO_LIBRARY})" in said
    assert said.endswith(f"; pip uninstall cupy-cuda12x first, then {how}")


def test_the_empty_folder_of_a_removed_wheel_is_no_cupy(pretend, tmp_path):
    pretend("")
    assert words().endswith(f"; remove {tmp_path / 'cupy'} first, then {EITHER}")


def test_a_driver_that_is_missing_or_too_old_for_any_wheel(pretend, monkeypatch):
    pretend(NOT_FOUND, ["cupy-cuda13x"])
    assert words().startswith("CuPy is installed but there is no NVIDIA driver; install it")
    monkeypatch.setattr(gpu, "driver_cuda", lambda: (11, 4))
    assert words() == "the NVIDIA driver supports CUDA 11.4, CuPy needs 12: update it"


def test_a_wheel_too_new_for_the_driver_finds_no_device(pretend):
    pretend(NOT_FOUND, ["cupy-cuda13x"], (12, 4))
    said = "CuPy does not match the NVIDIA driver; pip uninstall cupy-cuda13x first, then "
    assert words() == said + FOR_12


@pytest.mark.parametrize("packages", [[], ["cupy"], ["cupy-cuda12x"], ["cupy-cuda13x"]])
def test_wheel_and_driver_without_a_device(pretend, packages):
    pretend(NOT_FOUND, [*packages, "cupy-xarray"], (13, 0))
    assert words().startswith("CuPy is installed but finds no CUDA device; check `nvidia-smi`")


@pytest.mark.parametrize("source", [NOT_FOUND, PAGE, raising("OSError")])
def test_two_wheels_at_once_are_both_removed(pretend, source):
    """They write the same files; CuPy's own warning is twenty lines."""
    pretend(WARNING + source, ["cupy-cuda12x", "cupy-cuda13x"], (12, 4))
    said = "two CuPy packages overwrite each other's files: pip uninstall cupy-cuda12x cupy-cuda13x"
    assert words().endswith(f"; {said} first, then {FOR_12}")


def test_a_warning_of_a_cupy_that_computes_is_passed_on(pretend):
    pretend(
        WARNING + FOUND + "import numpy\narange = numpy.arange\n", ["cupy-cuda12x", "cupy-cuda13x"]
    )
    with pytest.warns(UserWarning, match="multiple CuPy packages"):
        assert select("gpu").__name__ == "cupy"


def test_what_fails_only_when_it_computes(pretend):
    pretend(raising(f"RuntimeError({OLD!r})"), ["cupy-cuda13x"], (12, 4))
    said = f"CuPy finds a GPU but cannot compute on it ({OLD}); update the NVIDIA driver, or "
    assert words() == f"{said}pip uninstall cupy-cuda13x first, then {FOR_12}"


@pytest.mark.parametrize("error", ["MemoryError", "RuntimeError"])
def test_a_gpu_that_others_have_filled(pretend, error):
    pretend(raising(f"{error}({FULL!r})"))
    assert words() == (
        f"the GPU's memory is full ({FULL[:-1]}); `nvidia-smi` shows what else runs there"
    )


def test_a_gpu_that_computes_wrong(pretend):
    pretend(FOUND + "import numpy\narange = lambda n: numpy.ones(int(n))\n")
    assert words() == "a test sum on the GPU is 12 and should be 83"


@pytest.mark.parametrize(("version", "supported"), [(12040, (12, 4)), (13000, (13, 0)), (0, None)])
def test_the_driver_says_which_cuda_it_supports(monkeypatch, version, supported):
    def answer(place):
        place._obj.value = version

    driver = types.SimpleNamespace(cuDriverGetVersion=answer)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert gpu.driver_cuda() == supported


def test_without_a_driver_there_is_no_version(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert gpu.driver_cuda() is None


COMMANDS = {
    "train": (train.main, ["--dataset", "shapes", "--preset", "smoke"]),
    "bench": (minivit, ["bench", "--sizes", "A"]),
    "gradcheck": (minivit, ["gradcheck"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_it_in_a_line_and_exits_with_1(pretend, monkeypatch, capsys, name):
    main, arguments = COMMANDS[name]
    monkeypatch.delenv("MINIVIT_DEBUG", raising=False)
    pretend(PAGE)
    assert run(main, [*arguments, "--device", "gpu"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("error: no GPU can be used: CuPy does not import (")


def test_so_does_the_program_itself(tmp_path):
    write(WARNING + PAGE, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MINIVIT_DEBUG": ""}
    line = [sys.executable, "train.py", "--device", "gpu"]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: no GPU can be used: CuPy does not import (")


@pytest.mark.parametrize(("source", "notes"), [(None, 0), (PAGE, 1)])
def test_a_run_that_falls_back_to_the_cpu_says_why(
    pretend, monkeypatch, capsys, tmp_path, source, notes
):
    """But not without CuPy: then nobody expects a GPU."""
    few_shapes(monkeypatch, train=20, test=4)
    pretend(source, ["cupy-cuda12x"] if source else ())
    small = ["--dim", "8", "--depth", "1", "--heads", "1", "--mlp-dim", "8", "--epochs", "1"]
    main, arguments = COMMANDS["train"]
    assert run(main, [*arguments, *small, "--threads", "1", "--out", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = "Running on the CPU, since no GPU can be used: CuPy does not import ("
    assert [line.startswith(start) for line in lines].count(True) == notes


def test_an_error_of_cuda_is_shown_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("MINIVIT_DEBUG", raising=False)
    error = type("CUBLASError", (RuntimeError,), {"__module__": "cupy_backends.cuda.libs.cublas"})

    def fail(argv):
        raise error("CUBLAS_STATUS_ALLOC_FAILED")

    assert run(fail, []) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Traceback" not in err
    assert err.startswith("error: the GPU failed (CUBLASError: CUBLAS_STATUS_ALLOC_FAILED); try")


def test_an_error_of_minivit_keeps_its_traceback():
    def fail(argv):
        raise RuntimeError("not from CuPy")

    with pytest.raises(RuntimeError, match="not from CuPy"):
        run(fail, [])


@pytest.fixture
def small_gpu(monkeypatch):
    """small_gpu(count): the strict stand-in as CuPy, whose memory is full after `count` tasks."""
    error = type("OutOfMemoryError", (MemoryError,), {"__module__": "cupy.cuda.memory"})

    def until_full(function, left):
        def counted(*args, **kwargs):
            left.pop() if left else throw()
            return function(*args, **kwargs)

        return counted

    def throw():
        raise error(FULL)

    def prepare(count):
        left = [None] * count
        runtime = types.SimpleNamespace(
            deviceSynchronize=lambda: None,
            getDevice=lambda: 0,
            getDeviceProperties=lambda device: {"name": b"a GPU"},
        )
        cuda = types.SimpleNamespace(is_available=lambda: True, runtime=runtime)
        monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
        monkeypatch.setattr(strict_cupy, "cuda", cuda, raising=False)
        monkeypatch.setattr(strict_cupy, "__version__", "14", raising=False)
        for owner, name in ((strict_cupy, "asarray"), (strict_cupy.ndarray, "__matmul__")):
            monkeypatch.setattr(owner, name, until_full(getattr(owner, name), left))

    return prepare


@pytest.mark.parametrize(("name", "tasks"), [("train", 150), ("bench", 1), ("gradcheck", 5)])
def test_out_of_memory_is_shown_in_one_line_too(
    small_gpu, monkeypatch, capsys, tmp_path, name, tasks
):
    main, arguments = COMMANDS[name]
    few_shapes(monkeypatch, train=200, test=12)
    monkeypatch.delenv("MINIVIT_DEBUG", raising=False)
    small_gpu(tasks)
    out = ["--out", str(tmp_path / "run")] if name == "train" else []
    assert run(main, [*arguments, *out, "--device", "gpu"]) == 1
    out, err = capsys.readouterr()
    assert name != "train" or "writing to" in out  # it was in a training step
    (line,) = (line for line in err.splitlines() if not line.startswith("note: "))
    sentence = (
        "error: out of memory on the GPU: allocating 9,663,676,416 bytes (allocated so far: 1,024 "
        "bytes); try smaller sizes or, in training, a lower --batch-size or --micro-batch"
    )
    on = f"continue with: python train.py --resume {tmp_path / 'run'}" if name == "train" else ""
    assert line.startswith(sentence) and line.endswith(on or sentence)
