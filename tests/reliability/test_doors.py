"""What a caller of the library may hand in, and the sentence that says what was wrong with it."""

import numpy as np
import pytest
from small_runs import CONFIG, RECIPE

from minivit import Config, ConfigError, CrossEntropy, ViT, gradcheck, tree
from minivit.layers import LayerNorm
from minivit.training.trainer import Trainer

MODEL = ViT(CONFIG)


def images(count=2, dtype=np.float64):
    return np.random.default_rng(0).standard_normal((count, 8, 8, 3)).astype(dtype)


def params(config=CONFIG):
    return ViT(config).init(np.random.default_rng(0))


def other(**sizes):
    return Config(**{**CONFIG.to_dict(), **sizes})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (images(0), "at least one image; got an empty batch"),
        (images().tolist(), r"images \(B, 8, 8, 3\); got a list"),
        (np.ma.masked_array(images()), "got a MaskedArray"),
        (images(dtype=np.int64), r"got int64 \(2, 8, 8, 3\)"),
        (images()[0], r"got float64 \(8, 8, 3\)"),
        (None, "got a NoneType"),
    ],
    ids=["empty", "list", "masked", "integers", "one", "none"],
)
@pytest.mark.parametrize("method", ["forward", "predict"])
def test_N13_images_that_the_model_does_not_take(method, given, words):
    with pytest.raises(ConfigError, match=f"the model takes .*{words}"):
        getattr(MODEL, method)(params(), given)


def without(tree, name):
    return {key: value for key, value in tree.items() if key != name}


def with_leaf(value):
    changed = params()
    changed["block0"]["attn"]["qkv"]["w"] = value
    return changed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (without(params(), "block0"), "they lack block0"),
        (params(other(depth=3)), "they have block1, block2"),
        (params(other(dim=16)), r"class_token.*|.* and must be"),
        (with_leaf(np.zeros((8, 23))), r"block0\.attn\.qkv\.w is float64 \(8, 23\), and must be"),
        (with_leaf([[1.0]]), r"block0\.attn\.qkv\.w is a list, and must be \(8, 24\)"),
        (
            {**params(), "block0": without(params()["block0"], "norm1")},
            r"block0\.norm1\.\w+ is missing",
        ),
        ({}, "they lack block0, class_token, head"),
        (None, "they lack block0"),
    ],
    ids=["lacking", "deeper", "wider", "shape", "list", "layer", "empty", "none"],
)
@pytest.mark.parametrize("method", ["forward", "predict"])
def test_K11_parameters_of_another_model(method, given, words):
    with pytest.raises(ConfigError, match=f"these parameters are not of this model: .*{words}"):
        getattr(MODEL, method)(given, images())


def test_a_mistake_of_the_models_own_keeps_its_error(monkeypatch):
    def broken(*_):
        raise ValueError("a bug")

    monkeypatch.setattr(type(MODEL.parts["head"]), "forward", broken)
    with pytest.raises(ValueError, match="a bug") as error:
        MODEL.forward(params(), images())
    assert not isinstance(error.value, ConfigError)


@pytest.mark.parametrize(
    ("logits", "targets", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), r"logits must be floats .*; got float64 \(0, 3\)"),
        ([[0.0, 1.0]], np.zeros(1, int), "logits must be .*; got a list"),
        (np.zeros((2, 3), int), np.zeros(2, int), r"logits must be .*; got int64 \(2, 3\)"),
        (np.zeros((2, 3)), [0, 1], r"array of integers \(2,\) or .*; got a list"),
        (np.zeros((2, 3)), np.ma.masked_array([0, 1]), "got a MaskedArray"),
        (np.zeros((2, 3)), None, "got a NoneType"),
    ],
)
def test_N13_what_the_loss_does_not_take(logits, targets, words):
    with pytest.raises(ConfigError, match=words):
        CrossEntropy().forward(logits, targets)


def test_N12_gradcheck_says_that_it_changes_its_arrays():
    x = np.random.default_rng(0).standard_normal((2, 6))
    fixed = x.copy()
    fixed.flags.writeable = False
    with pytest.raises(ConfigError, match="x is read-only, and is changed for the check: pass a"):
        gradcheck.check_layer(LayerNorm(6), fixed)
    with pytest.raises(ConfigError, match=r"x must be a float64 array; got float32 \(2, 6\)"):
        gradcheck.check_layer(LayerNorm(6), x.astype(np.float32))
    with pytest.raises(ConfigError, match="logits is read-only"):
        gradcheck.check_loss(CrossEntropy(), fixed, np.zeros(2, int))
    held = params()
    held["head"]["b"].flags.writeable = False
    with pytest.raises(ConfigError, match=r"head\.b is read-only"):
        gradcheck.check_model(MODEL, CrossEntropy(), held, images(), np.zeros(2, int))
    small = tree.map(np.float32, params())
    with pytest.raises(ConfigError, match=r"must be a float64 array; got float32"):
        gradcheck.check_model(MODEL, CrossEntropy(), small, images(), np.zeros(2, int))
    assert all(c.error < 1e-6 for c in gradcheck.check_layer(LayerNorm(6), x))


MEAN, STD = [0.5] * 3, [0.2] * 3
BYTES, LABELS = np.zeros((2, 8, 8, 3), np.uint8), np.zeros(2, int)


@pytest.mark.parametrize(
    ("given", "targets", "words"),
    [
        (BYTES[:0], LABELS[:0], "at least one image"),
        (BYTES.astype(float), LABELS, r"images must be uint8 \(B, 8, 8, 3\); got float64"),
        (BYTES[:, :4], LABELS, r"got uint8 \(2, 4, 8, 3\)"),
        (BYTES.tolist(), LABELS, "got a list"),
        (BYTES, LABELS.tolist(), "a target for each; got 2 images and a list"),
        (BYTES, LABELS[:1], r"got 2 images and int64 \(1,\)"),
    ],
    ids=["empty", "floats", "size", "list", "labels", "fewer"],
)
def test_N13_batches_that_a_trainer_does_not_take(workers, given, targets, words):
    trainer = Trainer(CONFIG, RECIPE, 4, MEAN, STD, workers)
    for method in (trainer.train_step, trainer.evaluate):
        with pytest.raises(ConfigError, match=words):
            method(given, targets)
    assert trainer.step == 0


def test_N13_runs_that_a_trainer_does_not_take(workers):
    for steps in (0, -1, 2.0, None):
        with pytest.raises(ConfigError, match="steps must be a whole number of at least 1"):
            Trainer(CONFIG, RECIPE, steps, MEAN, STD, workers)
    with pytest.raises(ConfigError, match=r"mean and std must be of 3 channels; got shapes \(1,\)"):
        Trainer(CONFIG, RECIPE, 4, [0.5], STD, workers)
