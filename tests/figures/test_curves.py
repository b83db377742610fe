"""Learning curves: what is read of runs."""

import json

import pytest

pytest.importorskip("matplotlib")

from minivit import ConfigError, figures
from minivit.figures import curves
from minivit.figures.subject import Subject


def write(path, epochs, **more):
    """A metrics.jsonl of so many epochs."""
    rows = [
        {"epoch": e + 1, "step": e, "train_loss": 2 / (e + 1), "train_accuracy": 0.1 * e, **more}
        for e in range(epochs)
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(drawing):
    """{label of a panel: its lines' values}."""
    return {
        axes.get_ylabel(): [list(line.get_ydata()) for line in axes.get_lines()]
        for axes in drawing.figure.axes
    }


def test_runs_of_all_kinds_in_one_picture(tmp_path):
    run = write(tmp_path / "run" / "metrics.jsonl", 3, val_loss=1.5, val_accuracy=0.5).parent
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"test_loss": 1.25, "test_accuracy": 0.625}\n')
    nothing_held_out = write(tmp_path / "other.jsonl", 1, val_loss=None, val_accuracy=None)
    (drawing,) = figures.draw("curves", Subject(runs=(run, nothing_held_out)))
    drawn = lines(drawing)
    assert list(drawn) == ["loss (nats)", "accuracy (%)"]
    assert drawn["loss (nats)"] == [[2, 1, pytest.approx(2 / 3)], [1.5] * 3, [1.25], [2]]
    assert drawn["accuracy (%)"][1:3] == [[50] * 3, [62.5]]
    labels = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    assert labels == ["run: test accuracy 62.50%", "other"]


def test_losses_in_different_units_are_not_in_one_panel(tmp_path):
    classes = write(tmp_path / "classes" / "metrics.jsonl", 2).parent
    numbers = write(tmp_path / "numbers" / "metrics.jsonl", 3, train_rmse=0.5).parent
    config = {
        "objective": "regression",
        "objective_fields": {"targets": ["x"], "mean": [0], "std": [1]},
    }
    (numbers / "config.json").write_text(json.dumps(config))
    units = {m.name: m.unit for m in curves.metrics_of(numbers / "config.json")}
    assert units["loss"] != "nats"  # or this test says nothing
    (drawing,) = figures.draw("curves", Subject(runs=(classes, numbers)))
    drawn = lines(drawing)
    assert drawn["loss (nats)"] == [[2, 1]]
    other = f"loss ({units['loss']})" if units["loss"] else "loss"
    assert drawn[other] == [[2, 1, pytest.approx(2 / 3)]]


def test_more_runs_than_colours(tmp_path):
    files = [write(tmp_path / f"{i}.jsonl", 2, val_loss=1, val_accuracy=0.5) for i in range(20)]
    (drawing,) = figures.draw("curves", Subject(runs=tuple(files)))
    looks = {(line.get_color(), line.get_linestyle()) for line in drawing.figure.axes[0].lines}
    assert len(looks) == 20


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is not a run: there is no such file"),
        ("", "holds no epochs: nothing to draw"),
        ("\x00\xff not JSON\n", "holds no epochs: nothing to draw"),
        ('{"epoch": 1, "step": 1, "train_fog": 1}\n', "no metric that is known"),
    ],
)
def test_what_is_no_run(tmp_path, content, sentence):
    path = tmp_path / "metrics.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        figures.draw("curves", Subject(runs=(path,)))


def test_a_directory_without_a_run(tmp_path):
    with pytest.raises(ConfigError, match=r"is not a run: there is no metrics\.jsonl in it"):
        figures.draw("curves", Subject(runs=(tmp_path,)))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"objective": ["a"]}', "[]", "\xff", ""])
def test_a_config_that_may_hold_anything(tmp_path, text):
    """Where it does not say how the run was judged, it is taken for a classification."""
    (tmp_path / "config.json").write_text(text)
    assert curves.metrics_of(tmp_path / "config.json") == curves.Classification.metrics
