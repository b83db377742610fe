"""`--image-size 16x24 --patch-size 4x8` through every command."""

import json

import numpy as np
import pytest
from program import few_shapes, train

import minivit
from minivit import data
from minivit.__main__ import main
from minivit.commands import exits
from minivit.errors import ConfigError
from minivit.training import run as run_module

Image = pytest.importorskip("PIL.Image", exc_type=ImportError)

SIZES = "--image-size 16x24 --patch-size 4x8 --dim 8 --depth 1 --heads 2 --mlp-dim 8".split()
WORDS = "--preset smoke --device cpu --threads 1 --epochs 1 --batch-size 4".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Wide pictures in two classes, light on the left or on the right, and a run on them."""
    home = tmp_path_factory.mktemp("home")
    for name, side in (("left", 0), ("right", 24)):
        (home / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = np.zeros((20, 48, 3), np.uint8) + i
            pixels[:, side : side + 24] += 200
            Image.fromarray(pixels).save(home / "photos" / name / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module.curves, "draw", lambda *drawn: "")
        words = ["--dataset", str(home / "photos"), "--out", str(home / "run"), "--policy", "rand"]
        assert (
            exits.run(train.main, [*words, *SIZES, *WORDS, "--erasing", "1", "--cutmix", "1"]) == 0
        )
    return home


def command(capsys, *words, status=0):
    """`python -m minivit WORDS` -> stdout, stderr."""
    capsys.readouterr()
    assert exits.run(main, [str(word) for word in words]) == status
    return capsys.readouterr()


def test_files_keep_their_shape(home):
    """The largest part in the middle that has the shape, resized: 20 x 30 pixels of 20 x 48."""
    loaded = data.load(str(home / "photos"), image_size=(16, 24))
    assert loaded.train_images.shape[1:] == (16, 24, 3)
    assert "each image is resized to 16 x 24 pixels" in loaded.note
    for images, labels in (
        (loaded.train_images, loaded.train_labels),
        (loaded.test_images, loaded.test_labels),
    ):
        assert (images[labels == 0][:, :, :10] > 190).all() and (
            images[labels == 0][:, :, 14:] < 20
        ).all()
    with pytest.raises(ConfigError, match="it must be at least 1 pixel"):
        data.load(str(home / "photos"), image_size=(16, 0))


def test_the_run_and_its_model(home, capsys):
    config = json.loads((home / "run" / "config.json").read_text())
    assert config["model"]["image_size"] == [16, 24] and config["model"]["patch_size"] == [4, 8]
    trained = minivit.load(home / "run")
    assert trained.config.grid == (4, 3)
    assert trained.read(home / "photos" / "left" / "0.png").shape == (1, 16, 24, 3)
    found = json.loads(command(capsys, "evaluate", home / "run", "--json").out)
    assert found["images"] == 4
    assert "left" in command(capsys, "predict", home / "run", home / "photos").out
    out = command(capsys, "explain", home / "run", home / "photos" / "left" / "0.png").out
    assert "48 x 20 pixels, fitted to 24 x 16" in out and "16 x 24 x 3, normalised" in out
    table = command(capsys, "shift", home / "run", "--direction", "diagonal", "--pixels", 8).out
    assert [line.count("*") for line in table.splitlines()[1:10]] == [1] + 7 * [0] + [1]
    picture = home / "photos" / "left" / "0.png"
    words = ("explain", home / "run", picture, "--html", home / "page.html")
    assert "wrote" in command(capsys, *words).out and (home / "page.html").exists()
    err = command(capsys, "export", home / "run", home / "vit.npz", status=2).err
    assert "cannot hold images or patches that are not square" in err


def test_its_figures_are_drawn(home, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    words = ("figures", home / "run", "--out", tmp_path, "--dpi", 40, "--json", "--patch", "3,2")
    kinds = {entry["kind"] for entry in json.loads(command(capsys, *words).out)["figures"]}
    assert {"attention", "rollout", "positions", "filters", "distance", "augmentation"} <= kinds
    err = command(capsys, "figures", home / "run", "--patch", "2,3", status=2).err
    assert "4 x 3 patches: rows count from 0 to 3, columns from 0 to 2" in err


def test_it_is_resumed_and_fine_tuned(home, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    assert exits.run(train.main, ["--resume", str(home / "run"), "--image-size", "16x24"]) == 0
    assert exits.run(train.main, ["--resume", str(home / "run"), "--image-size", "24x16"]) == 2
    assert "image_size is 16x24, not 24x16" in capsys.readouterr().err
    words = ["--dataset", str(home / "photos"), "--from", str(home / "run"), *WORDS]
    assert exits.run(train.main, [*words, "--out", str(tmp_path / "fine")]) == 0
    assert minivit.load(tmp_path / "fine").config.image_size == (16, 24)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--image-size", "16x"], "--image-size: must be a whole number of at least 1; got '16x'"),
        (["--image-size", "16x24x3"], "must be a whole number of at least 1; got '16x24x3'"),
        (["--image-size", "16xa"], "must be a whole number of at least 1; got 'a'"),
        (["--patch-size", "5x8"], "patch_size must divide image_size: 16 is not a multiple of 5"),
        (["--early-size", "8"], "early_size is for square images and patches"),
        (["--dataset", "shapes"], "--image-size 16x24: shapes has 32; leave the option out"),
    ],
)
def test_bad_sizes_are_sentences(home, capsys, tmp_path, monkeypatch, words, sentence):
    few_shapes(monkeypatch)
    line = ["--dataset", str(home / "photos"), *SIZES, *WORDS, *words, "--out", str(tmp_path / "r")]
    assert exits.run(train.main, line) == 2
    assert sentence in capsys.readouterr().err


def test_summary_shows_them(capsys):
    out = command(capsys, "summary", *SIZES).out
    assert "16 x 24 x 3 images" in out and "B x 12 x 96" in out
