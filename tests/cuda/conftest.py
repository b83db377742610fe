"""The fixture `xp` of these tests: CuPy where it works, and NumPy with emulated kernels."""

import numpy as np
import pytest
from cuda_emulator import compiled, install, needs_compiler

from minivit.arrays.backend import select
from minivit.cuda import kernels
from minivit.errors import BackendError

# What the tests use most, so that the compiler starts a few times only: (file, name, options).
# Widths, tokens and K are those of `pairs` in test_fused_layers.py.
MANY = [
    *(("layernorm", "layernorm_forward", (d, add)) for d in (12, 37) for add in (False, True)),
    *(("layernorm", "layernorm_backward", (d,)) for d in (12, 37)),
    *(("gelu", f"gelu_{way}", (exact,)) for way in ("forward", "backward") for exact in (0, 1)),
    *(
        ("attention", f"attention_{way}", (t, 4))
        for way in ("forward", "backward")
        for t in (5, 10)
    ),
    *(("sums", name, ()) for name in ("column_sums", "add_residual")),
    *(("optimizers", n, ()) for n in ("adamw", "clip", "combine", "gather", "momentum", "sgd")),
    ("optimizers", "squares", ()),
]


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    """The kernels MANY, compiled."""
    wanted = [
        (
            file,
            kernels.expression(name, dtype, *(bool(o) if file == "gelu" else o for o in options)),
        )
        for file, name, options in MANY
        for dtype in kernels.TYPES
    ]
    return compiled(wanted, tmp_path_factory.mktemp("kernels"))


@pytest.fixture(params=[pytest.param("emulated", marks=needs_compiler), "cupy"])
def xp(request, monkeypatch, tmp_path):
    """NumPy with the kernels of minivit.cuda emulated; CuPy itself where it works."""
    if request.param == "emulated":
        install(monkeypatch, tmp_path, request.getfixturevalue("ready"))
        return np
    try:
        return select("gpu")
    except BackendError as error:
        pytest.skip(str(error))
