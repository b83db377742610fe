"""train.py itself: the first thing that a user starts."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "train.py"


@pytest.mark.parametrize(
    ("environment", "status"), [({}, 1), ({"PMI_RANK": "1", "PMI_SIZE": "2"}, -15)]
)
def test_a_package_that_is_missing_is_one_sentence(environment, status, tmp_path):
    """Under MPICH it ends by a signal, so that other ranks do not wait for it."""
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('No', name='numpy')\n")
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], text=True, capture_output=True,
        env={**os.environ, **environment, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == status and done.stdout == ""
    who = r"rank 1 \(on \S+\): " if environment else ""
    sentence = f"error: {who}numpy is not installed: pip install -r requirements.txt\n"
    assert re.fullmatch(sentence, done.stderr) and status in (1, -signal.SIGTERM)
