"""`python -m minivit shift` as users see it."""

import json

import numpy as np
import pytest
from program import few_shapes, train
from random_models import random_trained
from regression import Regression

import minivit
from minivit import ConfigError, data
from minivit.__main__ import main
from minivit.commands import exits
from minivit.evaluation.shift import shift_curve, shifted

OPTIONS = """--dataset shapes --preset smoke --epochs 1 --dim 8 --depth 1 --heads 2 --mlp-dim 8
    --batch-size 10 --threads 1""".split()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two small runs, one of them with a stem."""
    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        for name, options in {"plain": ["--patch-size", "16"], "stem": ["--stem", "small"]}.items():
            out = ["--out", str(home / name)]
            assert exits.run(train.main, [*OPTIONS, *options, *out]) == 0
    return home


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory to write in, and shapes of which there are few."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shift(capsys, *words):
    """`shift WORDS` -> status, stdout, stderr."""
    capsys.readouterr()
    status = exits.run(main, ["shift", *map(str, words)])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("direction, moved", [("right", (0, 2)), ("down", (2, 0)),
                                              ("diagonal", (2, 2))])  # fmt: skip
def test_what_leaves_on_one_side_comes_in_on_the_other(direction, moved):
    images = np.zeros((1, 5, 6, 3), np.uint8)
    images[0, 4, 5] = 9
    there = shifted(images, 2, direction)
    assert there[0, (4 + moved[0]) % 5, (5 + moved[1]) % 6].tolist() == [9, 9, 9]
    assert there.sum() == images.sum()
    assert (shifted(images, 0, direction) == images).all()


def test_a_model_without_positions_is_as_good_after_whole_patches():
    """Its predictions stay those of the unshifted image; by less than a patch some change."""
    trained = random_trained(pool="mean")
    trained.params["position"]["pos"][...] = 0
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 8, 8, 3), np.uint8), rng.integers(0, 3, 64)
    calls = []
    curve = shift_curve("it", trained, images, labels, range(9), "right", lambda: calls.append(1))
    assert curve.pixels == tuple(range(9)) and len(calls) == 9 and curve.count == 64
    assert [curve.same[k] for k in (0, 4, 8)] == [1, 1, 1] and min(curve.same) < 1
    right = trained.outputs(images).argmax(axis=1) == labels
    assert curve.accuracy[4] == right.mean()


def test_the_table_and_the_json_say_the_same(capsys, runs):
    status, out, _ = shift(capsys, runs / "plain", runs / "stem", "--images", 7)
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    first, *lines = out.splitlines()
    assert first.split() == ["shift", "right", "plain", "stem"]
    assert lines[0].startswith("0 pixels") and lines[0].count("(100.0%)") == 2
    assert lines[4].count("*") == 1 and lines[16].count("*") == 2 and lines[16][:2] == "16"
    status, out, _ = shift(capsys, runs / "plain", runs / "stem", "--images", 7, "--json")
    result = json.loads(out)
    assert status == 0 and result["direction"] == "right"
    for column, model in enumerate(result["models"]):
        assert model["count"] == 7 and model["pixels"] == list(range(17))
        assert f"{model['accuracy'][0]:.1%}" == lines[0].split()[2 + 2 * column].strip("*")


def test_unshifted_it_is_the_accuracy_of_the_run(capsys, runs):
    _, out, _ = shift(capsys, runs / "plain", "--pixels", 1, "--json")
    test = minivit.load(runs / "plain").about["test"]["accuracy"]
    assert json.loads(out)["models"][0]["accuracy"][0] == pytest.approx(test)
    assert json.loads(out)["models"][0]["count"] == len(data.load("shapes").test_images)


def test_the_curves_are_drawn(capsys, runs, here):
    pytest.importorskip("matplotlib")
    words = ["--images", 9, "--pixels", 2, "--direction", "diagonal", "--out", "new"]
    status, _, err = shift(capsys, runs / "plain", runs / "stem", *words)
    assert status == 0 and "new/shift.png" in err
    assert (here / "new/shift.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--pixels", 32], "--pixels must be below the images' 32 pixels; got 32"),
        (["--pixels", 0], "must be a whole number of at least 1"),
        (["--direction", "left"], "unknown direction 'left'"),
        (["--dataset", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(capsys, runs, words, sentence):
    status, out, err = shift(capsys, runs / "plain", *words)
    assert status in (1, 2) and not out
    assert sentence in err and len(err.strip().splitlines()) == 1


def test_without_a_model_it_says_what_is_missing(capsys):
    status, _, err = shift(capsys)
    assert status == 2 and "MODEL" in err


def test_another_objective_is_refused():
    trained = random_trained()
    object.__setattr__(trained, "objective", Regression(3))
    with pytest.raises(ConfigError, match="it does not classify"):
        shift_curve("it", trained, np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, int), [0])
