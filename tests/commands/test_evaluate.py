"""`python -m minivit evaluate` as users see it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from program import few_shapes, train
from regression import CONFIG, DATA, RECIPE, Regression

import minivit
from minivit import data, objective
from minivit.__main__ import main
from minivit.arrays.backend import select
from minivit.commands import exits
from minivit.data.sources import shapes
from minivit.errors import BackendError
from minivit.parallel.workers import Workers
from minivit.storage.directory import RunDirectory
from minivit.training.plan import Plan
from minivit.training.run import Run

OPTIONS = """--dataset shapes --preset smoke --epochs 2 --dim 8 --depth 1 --heads 2 --mlp-dim 8
    --patch-size 8 --batch-size 10 --val-fraction 0.25 --lr 0.01 --threads 1""".split()
ON_CPU = ["--device", "cpu"]  # where `evaluate` computes, so that it finds the same bits
RUNS = {
    "plain": [],
    "ema": ["--ema", "0.5"],
    "micro": ["--micro-batch", "3", "--pool", "mean"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A directory with finished runs, by the names of RUNS."""
    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        for name, options in RUNS.items():
            out = ["--out", str(home / name)]
            assert exits.run(train.main, [*OPTIONS, *ON_CPU, *options, *out]) == 0
    return home


@pytest.fixture(autouse=True)
def here(runs, tmp_path, monkeypatch):
    """A directory to write in, no data elsewhere, and shapes of which there are few."""
    few_shapes(monkeypatch)
    monkeypatch.delenv("MINIVIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    for run in runs.iterdir():
        shutil.copytree(run, tmp_path / run.name)
    return tmp_path


def evaluate(capsys, *words):
    """`evaluate WORDS` -> status, stdout, stderr."""
    capsys.readouterr()
    status = exits.run(main, ["evaluate", *map(str, words)])
    return status, *capsys.readouterr()


def values_of(capsys, *words):
    """`evaluate WORDS --json` -> the values it prints."""
    status, out, err = evaluate(capsys, *words, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def refused(capsys, status, sentence, *words):
    """Check that it ends with this status and one line on stderr that has the sentence."""
    got, out, err = evaluate(capsys, *words)
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
    assert sentence in err, err
    assert (got, out) == (status, "")


def rows(run):
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", RUNS)
def test_the_test_set_gives_the_number_that_the_run_printed(capsys, name):
    """To the last bit, also of a running mean of the weights; and so do the validation images."""
    *epochs, result = rows(name)
    values = values_of(capsys, name)
    assert values["accuracy"] == result["test_accuracy"]
    assert values["loss"] == result["test_loss"]
    assert ("running mean" in values["weights"]) == (name == "ema")
    values = values_of(capsys, name, "--split", "val")
    assert (values["images"], values["split"]) == (10, "val")
    assert values["accuracy"] == epochs[-1]["val_accuracy"]
    assert values["loss"] == epochs[-1]["val_loss"]
    assert values_of(capsys, name, "--split", "train")["images"] == 30


def test_a_run_on_a_gpu_up_to_rounding(capsys):
    try:
        select("gpu")
    except BackendError as error:
        pytest.skip(str(error))
    assert exits.run(train.main, [*OPTIONS, "--device", "gpu", "--out", "gpu"]) == 0
    values, result = values_of(capsys, "gpu"), rows("gpu")[-1]
    assert values["loss"] == pytest.approx(result["test_loss"], rel=1e-5)
    assert values["accuracy"] == pytest.approx(result["test_accuracy"], abs=0.1)  # of 12 images


def test_the_text(capsys):
    status, out, err = evaluate(capsys, "ema/last.npz", "--tta")
    assert (status, err) == (0, "")
    accuracy = rows("ema")[-1]["test_accuracy"]
    assert out.startswith(
        "ema/last.npz, epoch 2 of 2, running mean of the weights\nshapes: 12 test"
    )
    assert f"\naccuracy            {accuracy:.2%} ± " in out
    assert "With test-time flip" in out and "the most confident mistakes" in out
    assert max(map(len, out.splitlines())) <= 80


def test_figures_and_json_are_written(capsys, here):
    pytest.importorskip("matplotlib", reason="figures need it")
    status, out, err = evaluate(capsys, "plain", "--out", here / "new" / "figures")
    written = ["evaluation.json", "reliability.png", "confusion.png", "classes.png", "mistakes.png"]
    assert status == 0 and ", ".join(written) in err
    assert sorted(p.name for p in (here / "new/figures").iterdir()) == sorted(written)
    values = json.loads((here / "new/figures/evaluation.json").read_text())
    assert values == values_of(capsys, "plain")
    assert "the most confident mistakes" in out


def test_changed_data_is_said_and_judged(capsys, monkeypatch):
    few = shapes.load
    monkeypatch.setattr(shapes, "load", lambda seed: few(seed + 1))
    status, out, _ = evaluate(capsys, "plain")
    assert status == 0
    assert "note: the images or labels of shapes have changed since the model was trained" in out
    refused(capsys, 2, "differs from them: use --split test", "plain", "--split", "val")


def test_what_is_refused(capsys, here, monkeypatch):
    refused(capsys, 2, "MODEL", *[])
    refused(capsys, 1, "there is no checkpoint", "nowhere")
    refused(capsys, 2, "unknown split 'tset'; did you mean 'test'?", "plain", "--split", "tset")
    refused(capsys, 2, "unknown data set 'shaps'; did you mean", "plain", "--dataset", "shaps")
    (here / "file").write_text("a")
    refused(capsys, 2, "--out file is a file; name a directory", "plain", "--out", "file")
    refused(capsys, 1, "file is not a minivit checkpoint", "file")
    assert sorted(p.name for p in here.iterdir()) == ["ema", "file", "micro", "plain"]
    dataset = few_classes(monkeypatch)
    refused(capsys, 2, f"knows 10 classes, and shapes has {len(dataset.classes)}", "plain")


def few_classes(monkeypatch):
    """Let the shapes have nine classes."""
    whole = shapes.load(0)
    kept = [np.flatnonzero(labels < 9) for labels in (whole.train_labels, whole.test_labels)]
    dataset = replace(
        whole,
        classes=whole.classes[:9],
        train_images=whole.train_images[kept[0]],
        train_labels=whole.train_labels[kept[0]],
        test_images=whole.test_images[kept[1]],
        test_labels=whole.test_labels[kept[1]],
    )
    monkeypatch.setattr(shapes, "load", lambda seed: dataset)
    return dataset


@pytest.mark.parametrize("name", ["confusion.png", "evaluation.json"])
def test_files_of_the_user_are_not_written_over(capsys, here, name):
    pytest.importorskip("matplotlib", exc_type=ImportError)
    (here / "mine").mkdir()
    (here / "mine" / name).write_text("{}")
    refused(capsys, 1, "is there already, and minivit did not write it", "plain", "--out", "mine")
    assert [p.name for p in (here / "mine").iterdir()] == [name]
    assert (here / "mine" / name).read_text() == "{}"


def test_figures_are_written_anew(capsys, here):
    pytest.importorskip("matplotlib", exc_type=ImportError)
    for _ in range(2):
        assert evaluate(capsys, "plain", "--out", "new")[0] == 0


def test_without_matplotlib_nothing_is_begun(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    refused(capsys, 1, "figures need matplotlib", "plain", "--out", "figures")
    assert not Path("figures").exists()
    assert evaluate(capsys, "plain")[0] == 0


def test_a_run_of_an_objective_of_ones_own(capsys, monkeypatch):
    """Its metrics, and nothing of classes."""
    monkeypatch.setitem(data.SOURCES, "levels", data.Source(lambda request: DATA))
    monkeypatch.setattr(data, "NAMES", tuple(data.SOURCES))
    monkeypatch.setitem(objective.OBJECTIVES, Regression.name, Regression)
    plan = Plan(CONFIG, replace(RECIPE, epochs=1), RunDirectory("levels"), dataset="levels")
    with Workers(1) as workers:
        Run(plan, DATA, workers, Regression()).train()
    values, result = values_of(capsys, "levels"), rows("levels")[-1]
    assert values["squared_error"] == result["test_squared_error"]
    assert values["far_off"] == result["test_far_off"] and "classes" not in values
    status, out, _ = evaluate(capsys, "levels")
    assert status == 0 and "levels: 20 test images\n\nsquared error       " in out
    refused(capsys, 2, "test-time flip needs a classification", "levels", "--tta")


def test_a_bar_counts_all_images(capsys, monkeypatch):
    from minivit.commands import evaluate as command

    seen = []

    class Progress(command.Progress):
        """Notes what it is told."""

        def __init__(self, total, unit):
            super().__init__(total, unit)
            seen.append(total)

        def update(self, count=1):
            super().update(count)
            seen.append(count)

    monkeypatch.setattr(command, "Progress", Progress)
    assert evaluate(capsys, "plain", "--tta")[0] == 0
    assert seen[0] == 24 and sum(seen[1:]) == 24


@pytest.mark.parametrize("name", RUNS)
def test_a_file_of_weights_only(capsys, name):
    """It names the data set, but not where a directory of images is."""
    trained = minivit.load(name)
    trained.save("weights.npz")
    for split in ("test", "val"):
        values = values_of(capsys, "weights.npz", "--split", split)
        want = values_of(capsys, name, "--split", split)
        assert values == {**want, "model": "weights.npz"}
    trained.about["dataset"] = "photos"
    trained.save("photos.npz")
    refused(capsys, 2, "name a data set with --dataset", "photos.npz")
