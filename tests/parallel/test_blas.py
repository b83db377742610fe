"""The note about NumPy's matrix library where a setting slows it down."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minivit.parallel import blas

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def library(monkeypatch):
    """Pretend that NumPy's BLAS and the CPU are these: library(kernels, level of the CPU)."""
    for names in blas.THREAD_VARIABLES.values():
        for name in ("OPENBLAS_CORETYPE", *names):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(blas, "available_cores", lambda: 4)

    def pretend(kernels, level):
        entry = {"internal_api": "openblas", "architecture": kernels, "num_threads": 4}
        monkeypatch.setattr(blas, "library", lambda: entry)
        monkeypatch.setattr(blas, "vector_level", lambda: level)

    pytest.importorskip("threadpoolctl")
    return pretend


@pytest.mark.parametrize(
    ("kernels", "level", "environment", "words"),
    [
        ("SkylakeX", 3, {}, []),
        ("SkylakeX", 3, {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "4"}, []),
        ("Cooperlake", 3, {}, []),
        ("Haswell", 2, {"OPENBLAS_CORETYPE": "Haswell"}, []),
        ("neoversen1", None, {}, []),
        ("something new", 3, {}, []),
        (
            *("Haswell", 3, {"OPENBLAS_CORETYPE": "Haswell"}),
            ["Haswell kernels (AVX2) on a CPU with AVX-512; unset OPENBLAS_CORETYPE"],
        ),
        ("Zen", 3, {}, ["it uses Zen kernels (AVX2)", "pip install -U numpy"]),
        ("Prescott", 2, {"OPENBLAS_CORETYPE": "Prescott"}, ["(SSE) on a CPU with AVX2"]),
        ("SkylakeX", 3, {"OPENBLAS_NUM_THREADS": "1"}, ["THREADS=1", "unset OPENBLAS_NUM_THREADS"]),
        ("SkylakeX", 3, {"OMP_NUM_THREADS": "2"}, ["4 cores", "unset OMP_NUM_THREADS"]),
        ("SkylakeX", 3, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "4"}, []),
        ("SkylakeX", 3, {"OPENBLAS_NUM_THREADS": "many"}, []),
        (
            *("Haswell", 3, {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}),
            ["unset OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS"],
        ),
    ],
)
def test_blas_note(library, monkeypatch, kernels, level, environment, words):
    library(kernels, level)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    note = blas.note()
    assert "\n" not in note and bool(note) == bool(words)
    assert all(word in note for word in words)
    assert "_NUM_THREADS" not in blas.note(threads=False)


def test_blas_note_without_thread_control(monkeypatch):
    monkeypatch.delenv("VECLIB_MAXIMUM_THREADS", raising=False)
    monkeypatch.setattr(blas, "library", lambda: None)
    if "threadpoolctl" in sys.modules:
        assert "without thread control, so workers and its own" in blas.note()
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert blas.note().endswith("pip install threadpoolctl")


def test_a_real_pin_is_seen():
    pytest.importorskip("threadpoolctl")
    found = blas.library()
    if blas.vector_level() != 3 or (found or {}).get("internal_api") != "openblas":
        pytest.skip("needs OpenBLAS on a CPU with AVX-512")
    code = "from minivit.parallel import blas; print(blas.note())"
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "OPENBLAS_CORETYPE=Haswell makes it use Haswell kernels" in done.stdout
