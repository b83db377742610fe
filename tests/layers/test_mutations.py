"""Mutation tests: plant one mistake at a time in the source; for each of them a test must fail.

This runs in a copy of the package, in one separate process: for each mistake the copy is patched,
minivit and the test modules are imported again, and their test functions run on NumPy until the
first one fails.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """The name of the first test that fails for each mutation, and last for none; None if green."""
    pytest.importorskip("scipy", reason="the exact (erf) GELU is among the mutants")
    copy = tmp_path_factory.mktemp("mutants")
    for folder in ("minivit", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    process = subprocess.run(
        [sys.executable, copy / "tests" / "helpers" / "run_mutations.py"],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_mistake_is_caught(verdicts, number):
    file, code, broken = MUTATIONS[number]
    assert (ROOT / file).read_text(encoding="utf-8").count(code) == 1, (
        f"{file} has {code!r} not once any more: bring the table of mutations up to date"
    )
    assert verdicts[number], f"nothing notices {broken!r} for {code!r} in {file}"


def test_source_as_it_stands_is_green(verdicts):
    assert verdicts[-1] is None, f"{verdicts[-1]} fails without a mistake; the rest proves nothing"


def test_there_are_enough_mistakes():
    assert len(MUTATIONS) == len(set(MUTATIONS)) >= 24
