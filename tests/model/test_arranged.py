"""Prediction from arranged weights is the plain forward pass, up to rounding."""

import numpy as np
import pytest
from random_models import random_trained

from minivit import Config, ViT, arranged
from minivit.arrays import tree
from minivit.errors import ConfigError

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


def test_a_trained_model_takes_it_for_many_images(monkeypatch):
    """Weights that were changed since are taken as they are; nothing of them is kept."""
    trained = random_trained(**SIZES)
    config, params, rng = trained.config, trained.params, np.random.default_rng(0)
    images = rng.integers(0, 256, (arranged.ENOUGH // config.tokens + 1, 16, 16, 3), np.uint8)
    used = []
    plain = arranged.outputs
    monkeypatch.setattr(arranged, "outputs", lambda *a: used.append(1) or plain(*a))
    for _ in range(2):
        many, few = trained.outputs(images, 2), trained.outputs(images[:5], 2)
        assert used and trained.outputs(images, 1).tobytes() == many.tobytes()
        np.testing.assert_allclose(many[:5], few, rtol=1e-3, atol=1e-4)
        params["block0"]["norm1"]["gamma"] *= 2
        used.clear()
    trained.outputs(images[:5])
    assert not used
    wide = ViT(Config(**{**SIZES, "dim": arranged.WIDEST + 4}))
    assert not arranged.pays(wide, 10**6) and arranged.pays(trained.model, 10**6)


def test_wrong_parameters_are_named_as_for_few_images():
    trained = random_trained(**SIZES)
    images = np.zeros((arranged.ENOUGH // trained.config.tokens + 1, 16, 16, 3), np.uint8)
    trained.params["block0"]["mlp"]["fc1"]["w"] = np.zeros((5, 5), np.float32)
    said = []
    for some in (images, images[:2]):
        with pytest.raises(ConfigError) as error:
            trained.outputs(some, 1)
        said.append(str(error.value))
    assert said[0] == said[1]
