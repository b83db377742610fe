"""`evaluate MODEL --image-size N` and `train.py --from MODEL --image-size N`."""

import json
import signal

import numpy as np
import pytest
from program import few_shapes, train
from runs import left_behind

import minivit
from minivit import data
from minivit.__main__ import main
from minivit.commands import exits
from minivit.data.resize import resized
from minivit.data.sources import places
from minivit.resolution import of_trained
from minivit.storage.directory import RunDirectory
from minivit.training import run as run_module
from minivit.training.trainer import Trainer

Image = pytest.importorskip("PIL.Image", exc_type=ImportError)

SIZES = "--patch-size 8 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke".split()
WORDS = "--device cpu --threads 1 --epochs 2 --batch-size 10".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs on few shapes, on pictures in a directory, and one at 48 pixels from the first."""
    home, drawn = tmp_path_factory.mktemp("home"), places.load(train=24, test=1)
    for i, image in enumerate(drawn.train_images):
        folder = home / "photos" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        patch.setattr(run_module.curves, "draw", lambda *drawn: "")
        for name, dataset in (("shapes", "shapes"), ("files", str(home / "photos"))):
            line = ["--dataset", dataset, *SIZES, *WORDS, "--out", str(home / name)]
            assert exits.run(train.main, line) == 0
        assert exits.run(train.main, [*larger(home), "--out", str(home / "larger")]) == 0
    return home


def larger(home):
    """The options of a run at 48 pixels that begins with the first."""
    line = ["--from", str(home / "shapes"), "--dataset", "shapes", *WORDS, "--image-size", "48"]
    return [*line, "--interpolation", "bicubic"]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    few_shapes(monkeypatch)
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")


def command(capsys, *words, status=0):
    """`python -m minivit WORDS` -> stdout, stderr."""
    capsys.readouterr()
    assert exits.run(main, [str(word) for word in words]) == status
    return capsys.readouterr()


def test_a_model_is_judged_at_another_size(home, capsys):
    out, err = command(capsys, "evaluate", home / "shapes", "--image-size", 48, "--json")
    found = json.loads(out)
    assert found["image_size"] == 48 and found["notes"] == [
        "images resized from 32 x 32 to 48 x 48"
    ]
    assert "note: 4 x 4 to 6 x 6 patches, positions bilinear-corners" in err
    trained, _ = of_trained(minivit.load(home / "shapes"), 48)
    shapes = data.load("shapes")
    got = trained.predict(resized(shapes.test_images, (48, 48))).argmax(axis=1)
    assert found["accuracy"] == (got == shapes.test_labels).mean()
    for split in ("val", "train"):
        out = command(capsys, "evaluate", home / "shapes", "--image-size", "40", "--split", split)
        assert "images resized from 32 x 32 to 40 x 40" in out.out and "changed" not in out.out


def test_at_its_own_size_the_numbers_are_the_same(home, capsys):
    plain = json.loads(command(capsys, "evaluate", home / "shapes", "--json").out)
    again = command(capsys, "evaluate", home / "shapes", "--image-size", 32, "--json").out
    assert {**plain, "image_size": 32} == json.loads(again)


def test_files_are_read_at_the_new_size(home, capsys):
    words = ("evaluate", home / "files", "--image-size", "24x40", "--split", "val", "--json")
    found = json.loads(command(capsys, *words).out)
    assert found["image_size"] == [24, 40]
    assert [note for note in found["notes"] if "changed" in note or "images resized" in note] == []


def test_a_run_at_another_size_begins_with_the_model(home, capsys, tmp_path):
    one, other = (minivit.load(home / name) for name in ("shapes", "larger"))
    assert other.config.image_size == 48 and other.params["position"]["pos"].shape == (36, 8)
    assert (
        exits.run(train.main, [*larger(home), "--lr", "1e-9", "--out", str(tmp_path / "run")]) == 0
    )
    out = capsys.readouterr().out
    assert "the head for the same classes; from 4 x 4 to 6 x 6 patches, positions bicubic" in out
    assert "shapes: images resized from 32 x 32 to 48 x 48 pixels" in out
    start, _ = of_trained(one, 48, "bicubic")
    kept = minivit.load(tmp_path / "run")
    np.testing.assert_allclose(
        kept.params["position"]["pos"], start.params["position"]["pos"], atol=1e-6
    )
    result = RunDirectory(home / "larger").result()
    found = json.loads(command(capsys, "evaluate", home / "larger", "--json").out)
    assert found["accuracy"] == result["test_accuracy"] and found["loss"] == result["test_loss"]
    found = json.loads(command(capsys, "evaluate", home / "larger", "--image-size", 64, "--split",
                               "val", "--json").out)  # fmt: skip
    assert found["notes"] == ["images resized from 32 x 32 to 64 x 64"]
    words = ("figures", home / "larger", "--kind", "attention", "--out", tmp_path, "--dpi", 30)
    pytest.importorskip("matplotlib")
    assert "attention.png" in command(capsys, *words).out


def test_stopped_and_resumed_it_ends_with_the_same_bits(home, tmp_path):
    out, step = tmp_path / "run", Trainer.train_step

    def stop(self, *batch):
        step(self, *batch)
        if self.step == 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", stop)
        assert exits.run(train.main, [*larger(home), "--out", str(out)]) == 130
    line = ["--resume", str(out), "--device", "cpu", "--threads", "1"]
    assert exits.run(train.main, line) == 0
    assert left_behind(RunDirectory(out)) == left_behind(RunDirectory(home / "larger"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("evaluate", "shapes", "--image-size", 44), "image_size 44 is no multiple of the model"),
        (
            ("evaluate", "shapes", "--interpolation", "bicubic"),
            "--interpolation is for another siz",
        ),
        (("evaluate", "shapes", "--image-size", "0"), "--image-size: must be a whole numb"),
        (
            ("evaluate", "shapes", "--image-size", 48, "--interpolation", "cubic"),
            "did you mean 'bi",
        ),
        (
            ("train", "--interpolation", "bicubic"),
            "--interpolation is for a model of another image",
        ),
    ],
)
def test_bad_options_are_sentences(home, capsys, words, sentence):
    words = [str(home / w) if w == "shapes" else w for w in words]
    assert sentence in command(capsys, *words, status=2).err


def test_images_of_another_size_without_a_word_are_refused(home, capsys, tmp_path):
    line = ["--from", home / "larger", "--dataset", "shapes", *WORDS, "--out", tmp_path / "run"]
    err = command(capsys, "train", *line, status=2).err
    assert "and 48 x 48" not in err and "takes 48 x 48 and 3 channels: begin with" in err
    assert "give --image-size 32x32, to which the model is taken" in err


def test_targets_in_pixels_keep_their_images(home, capsys, tmp_path, monkeypatch):
    load = places.load
    monkeypatch.setattr(places, "load", lambda seed: load(seed, 40, 12))
    line = ["--dataset", "places", *SIZES, *WORDS, "--out", str(tmp_path / "run")]
    assert exits.run(train.main, line) == 0
    err = command(capsys, "evaluate", tmp_path / "run", "--image-size", 48, status=2).err
    assert "places: its targets tell of pixels, so its images cannot be resized" in err
    line = ["--from", tmp_path / "run", *line[:2], *WORDS, "--image-size", 48]
    assert "tell of pixels" in command(capsys, "train", *line, status=2).err
