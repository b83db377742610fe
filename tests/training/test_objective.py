"""An objective of one's own: a regression, trained, stopped and resumed by the ordinary Run."""

import json
import signal
from dataclasses import replace

import pytest
from regression import CONFIG, DATA, RECIPE, Regression
from runs import left_behind

from minivit.errors import CheckpointError
from minivit.objective import Classification, Metric
from minivit.parallel.workers import Workers
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training.plan import Plan
from minivit.training.run import Run
from minivit.training.signals import Interrupted

REGRESSION = Regression()


@pytest.fixture
def make(tmp_path):
    with Workers(1) as workers:
        yield lambda name, objective=REGRESSION, recipe=RECIPE: Run(
            Plan(CONFIG, recipe, RunDirectory(tmp_path / name)), DATA, workers, objective
        )


def test_it_learns_and_its_metrics_are_what_the_run_speaks_of(make, capsys):
    run = make("run")
    result = run.train()
    *rows, last = map(json.loads, run.directory.metrics.read_text().splitlines())
    assert last == {f"test_{name}": value for name, value in result.items()}
    assert list(result) == ["squared_error", "far_off"]
    assert not any("accuracy" in name for row in rows for name in row)
    assert rows[-1]["train_squared_error"] < rows[0]["train_squared_error"] / 2 < 0.1
    printed = capsys.readouterr().out
    assert f"squared_error {rows[-1]['train_squared_error']:.3f} far_off" in printed
    assert "acc" not in printed


def test_the_curves_are_of_its_metrics(make, monkeypatch):
    figure = pytest.importorskip("matplotlib.figure", reason="curves need it")
    drawn = []
    monkeypatch.setattr(figure.Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    make("run", recipe=replace(RECIPE, epochs=1)).train()
    assert [panel.get_ylabel() for panel in drawn[0].axes] == ["squared_error", "far_off (%)"]


def test_the_lowest_value_of_a_metric_of_which_less_is_better_is_the_best(make):
    run, far_off = make("run"), [0.9, 0.2, 0.2, 0.5]
    run.validate = lambda: {"squared_error": 1.0, "far_off": far_off[run.record.epochs_done]}
    run.train()
    position = checkpoint.read_meta(run.directory.best)["position"]
    assert position["epochs_done"] == 2 and position["best"] == 0.2


@pytest.mark.parametrize("step", [3, 15])
def test_stopped_and_resumed_it_ends_with_the_same_bits(make, step):
    make("whole").train()
    run = make("stopped")
    train_step = run.trainer.train_step

    def then(images, targets):
        train_step(images, targets)
        if run.trainer.step == step:
            signal.raise_signal(signal.SIGINT)

    run.trainer.train_step = then
    with pytest.raises(Interrupted):
        run.train()
    again = make("stopped")
    again.resume(again.directory.last)
    again.train()
    assert left_behind(again.directory) == left_behind(make("whole").directory)


def test_a_run_is_not_resumed_with_another_objective(make):
    make("run", recipe=replace(RECIPE, epochs=1)).train()
    other = make("run", Classification(2), replace(RECIPE, epochs=1))
    with pytest.raises(CheckpointError, match="objective: checkpoint 'levels', asked 'classif"):
        other.resume(other.directory.last)


def test_a_name_of_a_metric_is_shown_with_its_unit():
    assert Metric("accuracy", "%", True, "acc").text(0.4921) == "acc  49.21%"
    assert Metric("loss", "nats", False).text(1.6449) == "loss 1.645"
