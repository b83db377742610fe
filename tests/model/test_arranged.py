"""Prediction from arranged weights is the plain forward pass, up to rounding."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_trained

import minivit
from minivit import arranged
from minivit.arrays import tree
from minivit.errors import ConfigError
from minivit.parallel.workers import Workers

SIZES = {"image_size": 16, "patch_size": 4, "dim": 24, "depth": 3, "heads": 4, "mlp_dim": 40}
KINDS = {
    "class": {"pool": "class"},
    "mean": {"pool": "mean", "norm_eps": 1e-3},
    "sequence": {"pool": "sequence", "patch_overlap": 1},
    "one head": {"heads": 1, "head_hidden": 8},
    "every block": {"position": "every-block-shared"},
    "not square": {"image_size": (8, 16), "dropout": 0.5, "drop_path": 0.5},
    "hybrid": {"image_size": 32, "stem": "small-3"},
    "relative": {"position": "relative"},  # such blocks stay as they are, and so do those with erf
    "relu": {"gelu": "relu"},
}


def model_and_images(dtype=np.float64, **options):
    trained = random_trained(**{**SIZES, **options})
    params = tree.map(lambda leaf: leaf.astype(dtype), trained.params)
    shape = (3, *trained.config.image_shape)
    return trained.model, params, np.random.default_rng(3).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_logits(kind):
    model, params, images = model_and_images(**KINDS[kind])
    logits = arranged.outputs(model, arranged.arranged(model, params), images)
    np.testing.assert_allclose(logits, model.predict(params, images), rtol=1e-9, atol=1e-9)
    names = {n for n, own in arranged.arranged(model, params).items() if type(own) is not dict}
    assert names == (set() if kind[:3] == "rel" else {"block0", "block1", "block2"})


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_scores_of_any_size(scale, monkeypatch):
    """Without a maximum taken away, exp of the largest of these would overflow, or be zero."""
    ways = []
    plain = arranged.exponentials
    monkeypatch.setattr(
        arranged, "exponentials", lambda *a, **k: ways.append(k.get("shifted")) or plain(*a, **k)
    )
    model, params, images = model_and_images(np.float32)
    for i in range(3):
        params[f"block{i}"]["attn"]["qkv"]["w"] *= scale
    logits = arranged.outputs(model, arranged.arranged(model, params), images)
    exact = tree.map(lambda leaf: leaf.astype(np.float64), params)
    expected = model.predict(exact, images.astype(np.float64))
    assert np.abs(logits - expected).max() < 2e-4 * np.abs(expected).max()
    assert (True in ways) == (scale > 1) and np.isfinite(logits).all()


def test_scores_that_are_all_small_are_not_divided_by_zero():
    model, params, _ = model_and_images(np.float32, depth=1)
    block, (b, t, d) = model.parts["block0"], (2, 5, 24)
    w = arranged.weights(block, params["block0"])
    x = np.random.default_rng(0).standard_normal((b * t, d)).astype(np.float32)
    x[:, 0] = 1
    w.q_bias[...] = 10
    w.qkv[:, : 2 * d] = 0
    w.qkv[0, d : 2 * d] = -5  # k is -5 and q is 10, 6 numbers each: all scores are -300
    o = arranged.attention(block.attn, w, x, (b, t, d)).reshape(b, t, d)
    v = (x @ w.qkv[:, 2 * d :]).reshape(b, t, d)
    np.testing.assert_allclose(o, np.broadcast_to(v.mean(1, keepdims=True), o.shape), atol=1e-5)


def test_what_is_no_number_stays_so():
    model, params, images = model_and_images(np.float32)
    images[1, 0, 0, 0] = np.nan
    logits = arranged.outputs(model, arranged.arranged(model, params), images)
    assert np.isnan(logits[1]).all() and np.isfinite(logits[[0, 2]]).all()


@pytest.fixture
def used(monkeypatch):
    """The parameters that predictions of this process have taken, arranged."""
    taken, plain = [], arranged.outputs
    monkeypatch.setattr(arranged, "outputs", lambda *a: taken.append(a[1]) or plain(*a))
    return taken


def loaded(tmp_path, **options):
    """A model as `load` gives it, and images for two workers."""
    random_trained(**{**SIZES, **options}).save(tmp_path / "model.npz")
    trained = minivit.load(tmp_path / "model.npz")
    return trained, np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


def test_a_loaded_model_is_arranged_once(tmp_path, used):
    trained, images = loaded(tmp_path)
    many = trained.outputs(images, 2)
    assert trained.outputs(images, 1).tobytes() == many.tobytes()
    one = trained.outputs(images[:1])
    assert all(params is used[0] for params in used)
    plain = replace(trained, params=tree.map(np.copy, trained.params))
    used.clear()
    for images_, logits in ((images, many), (images[:1], one)):
        np.testing.assert_allclose(plain.outputs(images_), logits, rtol=1e-3, atol=1e-4)
    assert not used


@pytest.mark.parametrize("processes", [False, True])
def test_the_same_bits_in_workers_that_knew_the_model_before(tmp_path, processes):
    trained, images = loaded(tmp_path)
    with Workers(2, processes=processes) as workers:
        trained.features(images, workers=workers)
        first = trained.outputs(images, workers)
        assert trained.outputs(images, workers).tobytes() == first.tobytes()
    with Workers(1, processes=processes) as workers:
        np.testing.assert_allclose(trained.outputs(images, workers), first, rtol=1e-3, atol=1e-4)


def test_weights_that_may_have_changed_are_taken_as_they_are(tmp_path, used):
    """Those of a loaded model are read-only, until somebody wants otherwise, or replaces them."""
    trained, images = loaded(tmp_path)
    before, block = trained.outputs(images), trained.params["block0"]
    with pytest.raises(ValueError, match="read-only"):
        block["norm1"]["gamma"] *= 2
    block["norm1"]["gamma"] = 2 * block["norm1"]["gamma"]
    used.clear()
    replaced = trained.outputs(images)
    assert not used and np.abs(replaced - before).max() > 0.01
    tree.read_only(trained.params)
    np.testing.assert_allclose(trained.outputs(images), replaced, rtol=1e-3, atol=1e-4)
    assert used
    fc1 = block["mlp"]["fc1"]["w"]
    fc1.flags.writeable = True
    fc1 *= 3
    used.clear()
    tripled = trained.outputs(images)
    assert np.abs(tripled - replaced).max() > 0.01 and not used
    fc1.flags.writeable = False
    np.testing.assert_allclose(trained.outputs(images), tripled, rtol=1e-3, atol=1e-4)
    with pytest.raises(ConfigError, match="they have block2"):
        replace(trained, config=replace(trained.config, depth=2)).outputs(images)


def test_a_wide_model_stays_as_it_is(tmp_path, used):
    trained, images = loaded(tmp_path, dim=arranged.WIDEST + 4, mlp_dim=4, depth=1)
    trained.outputs(images)
    assert not used


def test_wrong_parameters_are_named_as_in_the_plain_form(tmp_path):
    trained, images = loaded(tmp_path)
    trained.params["block0"]["mlp"]["fc1"]["w"] = np.zeros((5, 5), np.float32)
    said = []
    for params in (trained.params, tree.read_only(trained.params), [], {}):
        with pytest.raises(ConfigError, match="these parameters are not of this model") as error:
            replace(trained, params=params).outputs(images)
        said.append(str(error.value))
    assert said[0] == said[1] and "fc1" in said[0]
