"""Fixtures for every test: `xp`, the array modules in turn; `syncs`, the waits they made.

And `workers`, where one worker will do; `no_curves`, for tests that train.
"""

import os
import signal

if "PYTEST_XDIST_WORKER" in os.environ:  # every core has its own tests; said before NumPy starts
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import strict_cupy

from minivit.arrays.backend import select
from minivit.errors import BackendError
from minivit.parallel.workers import Workers
from minivit.training import curves

# Tests press Ctrl-C and close terminals, which a shell or nohup has its background jobs ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=["numpy", "strict", "cupy"])
def xp(request):
    """NumPy, the strict stand-in for CuPy, and CuPy itself where it works."""
    if request.param == "numpy":
        return np
    if request.param == "strict":
        strict_cupy.reset()
        return strict_cupy
    try:
        return select("gpu")
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture
def workers():
    """One worker, at work."""
    with Workers(1) as entered:
        yield entered


@pytest.fixture
def no_curves(monkeypatch):
    """Runs draw no curves, which takes longer than a small training."""
    monkeypatch.setattr(curves, "draw", lambda *drawn: "")


@pytest.fixture
def syncs():
    """What made the host wait for the device, by name: `syncs.clear()`, compute, `not syncs`.

    Only the stand-in keeps this list; with NumPy and CuPy it stays empty.
    """
    strict_cupy.reset()
    return strict_cupy.syncs


@pytest.fixture
def uploads():
    """What copied from the host to the device, by name; kept as `syncs` is."""
    strict_cupy.reset()
    return strict_cupy.uploads
