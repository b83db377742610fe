"""python -m minivit probe: its table, its JSON, its figure, and what it refuses."""

import json
import sys

import numpy as np
import pytest
from program import few_shapes, home_with_runs

from minivit import data
from minivit.__main__ import main
from minivit.commands import exits
from minivit.data import Dataset

pytest.importorskip("scipy", reason="the logistic probe needs it: pip install scipy")

SIZES = "--patch-size 16 --dim 8 --depth 2 --heads 2 --mlp-dim 8 --pool class".split()
WORDS = "--dataset shapes --preset smoke --device cpu --threads 1 --epochs 1 --out run".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return home_with_runs(tmp_path_factory, [*SIZES, *WORDS])


@pytest.fixture
def probe(home, monkeypatch, capsys):
    """`python -m minivit probe WORDS` -> status, stdout, stderr."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(home)

    def run(*words):
        capsys.readouterr()
        return exits.run(main, ["probe", *map(str, words)]), *capsys.readouterr()

    return run


def test_without_scipy_it_says_so_before_it_computes(probe, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    status, out, err = probe("run")
    assert (status, out) == (1, "") and "pip install scipy" in err and len(err.splitlines()) == 1


def test_the_table_has_a_row_for_each_block_and_kind_of_features(probe):
    status, out, err = probe("run")
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[0] == "shapes: 36 training images, 12 test images"
    assert lines[2].split() == ["block", "features", "ridge", "logistic", "neighbours"]
    kinds = [line.split()[:2] for line in lines[3:9]]
    assert kinds == [[b, k] for b in "01" for k in ("class", "mean", "both")]
    assert "*" in out and lines[-1].startswith("the model's own head: ")
    assert all(len(line) <= 80 for line in lines)


def test_json_has_the_same(probe):
    values = json.loads(probe("run", "--json", "--images", "20", "--seed", "1")[1])
    assert (values["training_images"], values["test_images"], len(values["rows"])) == (20, 12, 6)
    assert set(values["rows"][0]) == {"block", "features", "ridge", "logistic", "neighbours"}
    assert 0 <= values["own_head"] <= 1


def test_the_curve_is_drawn_and_other_files_are_left(probe, tmp_path):
    pytest.importorskip("matplotlib")
    assert probe("run", "--out", tmp_path / "depth.png")[0] == 0
    assert (tmp_path / "depth.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "mine.png").write_bytes(b"a photograph")
    status, _, err = probe("run", "--out", tmp_path / "mine.png")
    assert status == 1 and "minivit did not write it" in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["run", "--out", "curve.txt"], 2, "--out curve.txt: name a file that ends in .png"),
        (["run", "--images", "1"], 2, "--images: must be a whole number of at least 2"),
        (["nothing"], 1, "there is no checkpoint nothing"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(probe, words, status, said):
    if "--out" in words:
        pytest.importorskip("matplotlib")
    out = probe(*words)
    assert out[0] == status and said in out[2]


def test_images_of_another_kind_are_made_such_as_the_model_takes(probe, monkeypatch):
    """Grey ones of 28 x 28 pixels, for a model of 32 x 32 in colour."""
    rng, classes = np.random.default_rng(0), ("a", "b", "c")
    images = rng.integers(0, 256, (60, 28, 28, 1), np.uint8)
    labels = np.arange(60) % 3
    grey = Dataset("grey", classes, images[:40], labels[:40], images[40:], labels[40:])
    monkeypatch.setattr(data, "load", lambda *_, **__: grey)
    status, out, err = probe("run", "--dataset", "mnist", "--json")
    values = json.loads(out)
    assert (status, err, len(values["rows"]), values["own_head"]) == (0, "", 6, None)
    _, _, said = probe("run", "--dataset", "mnist")
    assert "images resized from 28 x 28 to 32 x 32" in said
    assert "grey images made colour ones" in said and "matched by number" not in said
