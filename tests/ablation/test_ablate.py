"""Comparisons: their rows can be trained, they keep to their time, and go on after a break."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from program import few_shapes

from minivit import ConfigError
from minivit.__main__ import main
from minivit.ablation import drawing, schedule, tables, turns
from minivit.ablation.results import RowResult, as_text
from minivit.ablation.schedule import passes_for, runs_of, whole_passes
from minivit.ablation.table import Row, Table, passes_of, share_of
from minivit.ablation.tables import TABLES
from minivit.ablation.turns import Comparison
from minivit.arrays import tree
from minivit.commands import exits
from minivit.config import Config
from minivit.costs import macs, parameters
from minivit.data import Dataset
from minivit.figures.drawing import style
from minivit.layers import Linear
from minivit.residual import ResidualConfig
from minivit.storage.lock import locked
from minivit.training import run as run_module
from minivit.training.run import Run

SMALL = {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8, "patch_size": 16, "batch_size": 10}
TABLE = Table(
    "What is it about?",
    "section 0",
    (
        Row("plain", {}, ({"lr": 1e-3}, {"lr": 1e-2})),
        Row("few", {}, images=18, group="few"),
        Row("begun", {}, begin={"objective": "masked"}),
    ),
    SMALL,
)


def data_of(side=32):
    """A data set of the size of CIFAR-10's images."""
    images, labels = np.zeros((20, side, side, 3), np.uint8), np.arange(20) % 10
    return Dataset("shapes", tuple("abcdefghij"), images, labels, images, labels)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_can_be_trained(name, tmp_path):
    comparison = Comparison(
        name, TABLES[name], "tiny", "shapes", None, 60, 1, tmp_path, 1, lambda line: None
    )
    names = [row.name for row in TABLES[name].rows]
    assert len(set(names)) == len(names) > 1
    for row in TABLES[name].rows:
        for change in (*({**row.options, **change} for change in row.tries), row.begin or {}):
            plan = comparison.plan({**change, "out": str(tmp_path / "run")}, data_of())
            assert plan.recipe.val_fraction  # the rates are chosen by these images


def test_the_page_about_the_paper_has_every_table():
    page = (Path(__file__).resolve().parents[2] / "docs" / "paper.md").read_text(encoding="utf-8")
    assert [name for name in TABLES if f"`ablate {name}`" not in page] == []
    assert parameters(Config.variant("R50+B/16")) == 98_659_112 and "98,659,112" in page
    assert parameters(ResidualConfig()) == 269_722 and "269,722" in page
    assert tree.count(Linear(16 * 16 * 3, 768).init(None)) == 590_592 and "590,592" in page


def test_shapes_have_equal_operations():
    sizes = [{**TABLES["shape"].options, **row.options} for row in TABLES["shape"].rows]
    counts = [macs(Config(pool="mean", **one)) for one in sizes]
    assert max(counts) / min(counts) < 1.02


def test_the_first_seed_has_all_tries_and_the_others_the_best():
    a, b = Row("a", {}, ({"lr": 1.0}, {"lr": 2.0})), Row("b")
    turns = [(row.name, change, seed) for row, change, seed in runs_of(Table("", "", (a, b)), 2)]
    assert turns == [
        ("a", {"lr": 1.0}, 0), ("a", {"lr": 2.0}, 0), ("b", {}, 0), ("a", None, 1), ("b", {}, 1),
    ]  # fmt: skip


def test_passes_fill_the_budget():
    begin = {"objective": "masked"}
    rows = (Row("all"), Row("tenth", images=100), Row("hundredth", images=10, begin=begin))
    seconds = {"all": 2.0, "tenth": 2.0, "hundredth": 3.0, "begin-objective-masked": 5.0}
    whole = whole_passes(Table("", "", rows), 2, seconds, 1000)
    assert whole == pytest.approx(2 * (2 + 2 + 0.1 * 3 + 5) * schedule.EVALUATION)
    assert passes_for(10 * whole / 60 + 0.01, whole) == 10
    assert [passes_of(row, 1000, 10) for row in rows] == [10, 100, 100]
    assert share_of(replace(rows[1], images=5000), 1000) == 1
    with pytest.raises(ConfigError, match=r"--budget 0\.1 is too short: one pass of every run tak"):
        passes_for(0.1, whole)


@pytest.fixture
def ablate(monkeypatch, tmp_path, capsys):
    """`minivit ablate WORDS` of the small table, on few shapes -> status, stdout, stderr."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(tables.TABLES, "gelu", TABLE)
    monkeypatch.setattr(schedule, "SECONDS", 0.0)
    monkeypatch.setattr(turns, "seconds_of_a_pass", lambda *_: 0.5)
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")

    def command(*words):
        capsys.readouterr()
        words = ["ablate", *words, "--dataset", "shapes", "--preset", "smoke", "--threads", "1"]
        return exits.run(main, words), *capsys.readouterr()

    return command


BUDGET = ("gelu", "--budget", "0.1", "--seeds", "2")  # one pass


def test_a_comparison_from_timing_to_figure(ablate, tmp_path):
    status, out, err = ablate(*BUDGET)
    assert status == 0 and "7 runs, 2 seeds, 1 pass over 36 images; up to 2 where" in err
    lines = out.splitlines()
    assert lines[0] == "What is it about? (section 0)" and max(map(len, lines)) <= 80
    assert re.search(r"plain +\d+\.\d\d% ± \d", out) and "with lr 0.001" in out
    home = tmp_path / "runs" / "ablate-gelu-shapes-smoke-0.1"
    values = json.loads((home / "results.json").read_text())
    rows = {row["name"]: row for row in values["rows"]}
    assert [len(row["accuracies"]) for row in rows.values()] == [2, 2, 2]
    assert rows["few"]["epochs"] == 2 and rows["plain"]["epochs"] == 1
    assert set(rows["plain"]["tried"]) == {"lr 0.001", "lr 0.01"}
    assert (home / "gelu.png").read_bytes().startswith(b"\x89PNG")
    begun = json.loads((home / "begun-seed-1" / "config.json").read_text())
    assert begun["from"].endswith("/begin-objective-masked-seed-1")
    status, out, err = ablate(*BUDGET, "--json")  # nothing is trained again
    assert status == 0 and json.loads(out) == values and "seed 0: " not in err
    status, out, err = ablate("gelu", "--budget", "0.1", "--seeds", "1", "--out", str(home))
    assert status == 0 and "one seed" in out and "±" not in out
    status, out, err = ablate("gelu", "--budget", "9", "--out", str(home))
    assert status == 2 and "holds the comparison with budget_minutes 0.1" in err


def test_accuracy_against_shift_with_a_residual_network(ablate, monkeypatch):
    network = {"preset": "resnet-20", "units": 1, "width": 8, "batch_size": 10}
    rows = (Row("ViT", SMALL), Row("ResNet", network))
    monkeypatch.setitem(
        tables.TABLES, "gelu", Table("How far?", "section 0", rows, measure="shift")
    )
    status, out, err = ablate("gelu", "--budget", "0.1", "--json")
    assert status == 0, err
    for row in json.loads(out)["rows"]:
        assert list(row["shift"]) == [str(pixels) for pixels in range(17)]
        assert row["parameters"] > 0 and row["macs"] > 0


def test_after_a_break_the_same_command_goes_on(ablate, monkeypatch, tmp_path):
    train, count = Run.train, []

    def interrupted(run):
        count.append(run)
        if len(count) == 5:
            step = run.trainer.train_step
            run.trainer.train_step = lambda *batch: (step(*batch), signal.raise_signal(2))
        return train(run)

    monkeypatch.setattr(Run, "train", interrupted)
    status, _, err = ablate(*BUDGET)
    assert status == 130 and "the same command goes on there" in err
    monkeypatch.setattr(Run, "train", train)
    accuracies = []
    for words in (BUDGET, (*BUDGET, "--out", "whole")):
        status, out, _ = ablate(*words, "--json")
        accuracies.append([row["accuracies"] for row in json.loads(out)["rows"]])
    assert accuracies[0] == accuracies[1]


@pytest.mark.parametrize(
    "words, said",
    [
        (["pol"], "unknown table 'pol'; did you mean 'pool'?"),
        (["gelu", "--budget", "0"], "--budget: must be a finite number above 0"),
        (
            ["gelu", "--budget", "1e308"],
            "--budget: must be a finite number above 0 and at most 5",
        ),
        (["gelu", "--budget", "0.01"], "--budget 0.01 is too short: one pass of every run takes"),
        (["gelu", "--seeds", "0"], "--seeds: must be a whole number of at least 1"),
        (["gelu", "--out", "full"], "--out full holds no comparison; name another one"),
    ],
)
def test_bad_input_is_one_sentence(ablate, tmp_path, words, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.png").write_bytes(b"mine")
    status, _, err = ablate(*words)
    assert status == 2 and said in err and err.splitlines()[-1].startswith("error: ")


def test_one_process_at_a_time_compares_in_a_directory(ablate, tmp_path):
    with locked(tmp_path / "out"):
        status, _, err = ablate(*BUDGET, "--out", "out")
    assert status == 1 and "another process is training in out" in err


def test_a_row_is_timed_by_some_steps(monkeypatch, tmp_path):
    monkeypatch.setattr(schedule, "SECONDS", 0.0)
    few = Comparison("gelu", TABLE, "smoke", "shapes", None, 1, 1, tmp_path, 1, lambda line: None)
    with turns.Workers(1) as workers:
        few._time("plain", {}, data_of(), workers)
    assert 0 < few.seconds["plain"] < 60 and not list(tmp_path.iterdir())


def row_of(name, accuracies, **more):
    spread = np.std(accuracies, ddof=1) if len(accuracies) > 1 else None
    usual = {"group": "", "images": None, "chosen": "", "tried": {}, "shift": {}}
    return RowResult(name, accuracies=accuracies, mean=float(np.mean(accuracies)), spread=spread,
                     parameters=460_714, macs=33_326_016, minutes=12.3, epochs=14,
                     **{**usual, **more})  # fmt: skip


@pytest.mark.parametrize("kind", ["dots", "images", "shift"])
def test_the_three_kinds_of_figures(kind, tmp_path):
    pytest.importorskip("matplotlib")
    rows = [
        row_of("overlapping patches", (0.81, 0.82, 0.8)),
        row_of("hybrid, strong, 45,000", (1,)),
    ]
    if kind == "images":
        rows = [replace(rows[i], group="a", images=(450, 45_000)[i]) for i in (0, 1)]
    if kind == "shift":
        rows = [replace(row, shift={p: 0.5 + p / 99 for p in range(17)}) for row in rows]
    comparison = Comparison("stem", TABLE, "tiny", "cifar10", None, 60, 3, tmp_path, 1, None, 14)
    text = as_text(comparison, rows)
    assert max(map(len, text.splitlines())) <= 80 and "81.00% ± 1.00" in text
    assert ("shift in pixels" in text) == (kind == "shift")
    with style():
        figure = drawing.draw(comparison, rows).figure
    axes = figure.axes[0]
    label = {"images": "training images", "shift": "cyclic shift to the right (pixels)"}
    assert axes.get_xlabel() == label.get(kind, "test accuracy (%)")
    if kind == "dots":
        ticks = [tick.get_text() for tick in axes.get_yticklabels()]
        assert ticks == [rows[1].name, rows[0].name]
