"""Grey images, one channel, through every command: training, evaluation, prediction, figures."""

import json

import numpy as np
import pytest
from program import train

import minivit
from minivit import data
from minivit.__main__ import main
from minivit.commands import exits

Image = pytest.importorskip("PIL.Image", exc_type=ImportError)

SIZES = "--patch-size 4 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke".split()
WORDS = "--device cpu --threads 1 --epochs 1 --batch-size 4 --image-size 8 --policy rand".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory of grey pictures in two classes, and a run on them."""
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 200)):
        (home / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(low, low + 50, (9, 9), dtype=np.uint8)
            Image.fromarray(pixels).save(home / "photos" / name / f"{i}.png")
    words = ["--dataset", str(home / "photos"), "--channels", "1", "--out", str(home / "run")]
    assert exits.run(train.main, [*words, *SIZES, *WORDS]) == 0
    return home


def command(capsys, *words):
    """`python -m minivit WORDS` -> status, stdout, stderr."""
    capsys.readouterr()
    status = exits.run(main, [str(word) for word in words])
    return status, *capsys.readouterr()


def test_grey_files_stay_grey(home):
    loaded = data.load(str(home / "photos"), image_size=9, channels=1)
    assert loaded.train_images.shape == (12, 9, 9, 1)
    with Image.open(home / "photos/dark/0.png") as image:
        pixels = np.asarray(image)
    assert any(
        (image[..., 0] == pixels).all() for image in (*loaded.train_images, *loaded.test_images)
    )
    trained = minivit.load(home / "run")
    assert trained.config.channels == 1 and trained.mean.shape == (1,)


def test_the_model_is_evaluated_and_predicts(home, capsys):
    status, out, _ = command(capsys, "evaluate", home / "run", "--json")
    assert status == 0 and json.loads(out)["model"] == str(home / "run")
    status, out, err = command(capsys, "predict", home / "run", home / "photos", "--top", 1)
    assert (status, err) == (0, "") and out.count("photos") == 16


def test_its_figures_are_drawn(home, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    words = ("figures", home / "run", "--out", tmp_path, "--dpi", 50, "--json")
    status, out, _ = command(capsys, *words)
    kinds = {entry["kind"] for entry in json.loads(out)["figures"]}
    assert status == 0 and {"attention", "augmentation", "filters", "features"} <= kinds


def test_another_number_of_channels_is_a_sentence(home, capsys, tmp_path):
    words = ["--dataset", str(home / "photos"), *SIZES, *WORDS]
    assert exits.run(train.main, [*words, "--channels", "2"]) == 2
    assert "image files have 1 or 3 channels; the model takes 2" in capsys.readouterr().err
    fine = [*words[:2], *WORDS, "--from", str(home / "run"), "--out", str(tmp_path / "tuned")]
    assert exits.run(train.main, fine) == 0  # read as the model was trained
