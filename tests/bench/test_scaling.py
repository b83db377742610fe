"""bench --ranks: what it measures, on a size that takes no time."""

import importlib.util
import json

import pytest

from minivit import Config
from minivit.bench import scaling
from minivit.bench.sizes import Size
from minivit.commands.bench_ranks import numbers
from minivit.errors import BackendError

SMALL = Size(Config(image_size=8, dim=8, depth=1, heads=2, mlp_dim=8), 8)


def test_one_rank_communicates_nothing(monkeypatch):
    monkeypatch.setitem(scaling.SIZES, "small", SMALL)
    row = scaling.here("small", 2, 1, 0.01)
    assert row["communication"] == row["bytes"] == 0
    assert row["images_per_second"] == pytest.approx(16 / row["seconds"])


def test_the_table_and_its_medians(monkeypatch):
    def measure(name, ranks, factor, seconds):
        row = {"ranks": ranks, "workers": 2 // ranks, "batch": factor, "bytes": 2**20 * (ranks - 1)}
        speed = {1: 100.0, 2: 190.0}[ranks]
        return {**row, "seconds": 8 / speed, "communication": 0.01, "images_per_second": speed}

    monkeypatch.setattr(scaling, "measure", measure)
    rows = scaling.scaling("small", [1, 2], turns=2)
    assert [(row["ranks"], row["batch"]) for row in rows] == [(1, 1), (2, 1), (2, 2)]
    lines = scaling.text("small", SMALL, rows).splitlines()
    assert "190.0%" in lines[3] and "1.0%" in lines[3] and lines[3].endswith(" 1.00")
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines[2:]}) == 1


def test_numbers_of_ranks():
    assert numbers("1, 2,8") == [1, 2, 8]


def test_without_mpiexec(monkeypatch, tmp_path):
    monkeypatch.setattr(scaling.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendError, match="needs mpiexec: pip install"):
        scaling.measure("A", 2)


@pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")
def test_two_ranks(monkeypatch):
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    row = scaling.measure("D", 2, seconds=0.01)
    assert row["ranks"] == 2 and 0 < row["communication"] < 1
    assert row["bytes"] > 4 * 140_000  # half of the gradients and of the weights, and a little more
    assert json.dumps(row)
