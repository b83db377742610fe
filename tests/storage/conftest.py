"""Fixtures for tests of checkpoints: `arrays` of all kinds, and a `file` that holds them."""

import numpy as np
import pytest
from checkpoint_files import META

from minivit.storage import checkpoint


@pytest.fixture
def arrays():
    """Arrays of all dtypes, one empty and one without dimensions."""
    rng = np.random.default_rng(0)
    return {
        "model/block0.attn.qkv.w": rng.standard_normal((6, 18)).astype(np.float32),
        "model/head.b": np.zeros(10, np.float32),
        "optimizer/m": rng.standard_normal(40),
        "optimizer/step": np.array(7),
        "data/seen": np.array([True, False]),
        "half": rng.standard_normal(5).astype(np.float16),
        "empty": np.zeros((0, 3), np.float32),
    }


@pytest.fixture
def file(tmp_path, arrays):
    """The path of a checkpoint of `arrays` and META."""
    path = tmp_path / "last.npz"
    checkpoint.save(path, arrays, META)
    return path
