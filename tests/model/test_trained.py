"""The door to a trained model: what `minivit.load` gives is what was trained and tested."""

import doctest

import numpy as np
import pytest
from program import few_shapes, train

import minivit
from minivit import CheckpointError, ConfigError, trained
from minivit.commands import exits
from minivit.data.sources import shapes
from minivit.storage import checkpoint

OPTIONS = """--dataset shapes --preset smoke --epochs 2 --dim 16 --depth 1 --heads 2 --mlp-dim 16
    --batch-size 8 --val-fraction 0.2 --threads 1""".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory in which two runs have been trained, the second with a running mean."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        few_shapes(patch)
        assert exits.run(train.main, OPTIONS) == 0
        assert exits.run(train.main, [*OPTIONS, "--ema", "0.5", "--gelu", "erf"]) == 0
    return home


@pytest.fixture
def test_set():
    dataset = shapes.load(0, train=40, test=12)
    return dataset.test_images, dataset.test_labels


def test_the_example_in_its_docstring_runs(home, monkeypatch):
    monkeypatch.chdir(home)
    result = doctest.testmod(trained)
    assert result.attempted >= 16 and result.failed == 0


@pytest.mark.parametrize("run", ["shapes-smoke-1", "shapes-smoke-2"])
def test_it_predicts_as_well_as_the_run_said(home, test_set, run):
    """Also with the running mean of the weights, where that is what was tested."""
    import json

    images, labels = test_set
    loaded = minivit.load(home / "runs" / run)
    probabilities = loaded.predict(images)
    assert probabilities.shape == (12, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    last = json.loads((home / "runs" / run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (probabilities.argmax(axis=1) == labels).mean() == last["test_accuracy"]
    nats = -np.log(probabilities[np.arange(12), labels]).mean()
    assert nats == pytest.approx(last["test_loss"], rel=1e-4)


def test_what_it_holds(home):
    loaded = minivit.load(str(home / "runs" / "shapes-smoke-1"))
    assert loaded.classes == tuple(shapes.FIGURES) and loaded.config.dim == 16
    assert loaded.mean.shape == loaded.std.shape == (3,)
    arrays, _ = checkpoint.load(home / "runs/shapes-smoke-1/last.npz")
    assert (loaded.params["head"]["w"] == arrays["model/head.w"]).all()
    best = minivit.load(home / "runs/shapes-smoke-1/best.npz")
    assert best.model.config == loaded.config


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_images_on_any_number_of_workers(home, workers):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    want = loaded.objective.predict(loaded.outputs(images, workers=1))
    assert (loaded.predict(images, workers) == want).all()
    assert loaded.predict(images[:0]).shape == (0, 10)
    np.testing.assert_allclose(loaded.predict(images[:1]), want[:1], atol=1e-6)
    np.testing.assert_allclose(loaded.predict(images / 255), want, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), r"takes images \(B, 32, 32, 3\); got \(2, 8, 8, 3\)"),
        (np.zeros((32, 32, 3), np.uint8), r"got \(32, 32, 3\)"),
        (np.zeros((2, 32, 32, 3), int), "must be uint8 in 0..255 or floats in 0..1; got int64"),
    ],
)
def test_other_images_are_refused(home, images, sentence):
    with pytest.raises(ConfigError, match=sentence):
        minivit.load(home / "runs/shapes-smoke-1").predict(images)


def test_what_is_no_trained_model_is_refused(home, tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        minivit.load(tmp_path)
    arrays, meta = checkpoint.load(home / "runs/shapes-smoke-1/last.npz")
    checkpoint.save(tmp_path / "else.npz", arrays, {**meta, "objective": "fog"})
    with pytest.raises(CheckpointError, match=r"else\.npz was trained for the objective 'fog'"):
        minivit.load(tmp_path / "else.npz")
    del arrays["model/head.b"]
    checkpoint.save(tmp_path / "less.npz", arrays, meta)
    with pytest.raises(CheckpointError, match=r"less\.npz holds another model.*missing 1: head\.b"):
        minivit.load(tmp_path / "less.npz")


IMAGES = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_features_lead_to_the_outputs(home):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    head, params = loaded.model.parts["head"], loaded.params["head"]
    pooled = loaded.features(IMAGES)
    assert pooled.shape == (3, 16) and pooled.dtype == np.float32
    np.testing.assert_allclose(head.forward(params, pooled)[0], loaded.outputs(IMAGES), atol=1e-5)
    tokens = loaded.features(IMAGES, block=-1)
    assert tokens.shape == (3, 64, 16) and (tokens == loaded.features(IMAGES, block=0)).all()
    normed, _ = loaded.model.parts["norm"].forward(loaded.params["norm"], tokens)
    np.testing.assert_allclose(normed.mean(axis=1), pooled, atol=1e-5)


def test_attention_is_that_of_every_image_alone(home):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    weights = loaded.attention(IMAGES)
    assert weights.shape == (3, 1, 2, 64, 64) and weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(loaded.attention(IMAGES[1:2])[0], weights[1], atol=1e-6)
    assert loaded.attention(IMAGES[:0]).shape == (0, 1, 2, 64, 64)


@pytest.mark.parametrize("block", [1, -2, 0.0, True, "pool"])
def test_a_block_that_is_not_there_is_refused(home, block):
    with pytest.raises(ConfigError, match=r"block must be a whole number from 0 to 0 .*; got"):
        minivit.load(home / "runs/shapes-smoke-1").features(IMAGES, block)
