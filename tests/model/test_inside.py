"""What is read from inside a model, against a plain computation of it."""

import numpy as np
import pytest

from minivit import Config, ViT, inside

SIZES = {"image_size": 8, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 5, "classes": 4}


def model_of(pool):
    """A model, its parameters, all random, and two images."""
    rng = np.random.default_rng(3)
    model = ViT(Config(**SIZES, pool=pool))
    return model, model.init(rng), rng.standard_normal((2, 8, 8, 3))


@pytest.mark.parametrize("pool", ["class", "mean", "sequence"])
def test_attention_is_softmax_of_the_scores_query_by_query(pool):
    model, params, images = model_of(pool)
    weights = inside.attention(model, params, images)
    t, heads, k = model.config.tokens, 3, 2
    assert weights.shape == (2, 2, heads, t, t)
    before = inside.features(model, params, images, block=0)  # what the second block is given
    block, p = model.parts["block1"], params["block1"]
    x, _ = block.norm1.forward(p["norm1"], before)
    qkv = x @ p["attn"]["qkv"]["w"] + p["attn"]["qkv"]["b"]
    queries, keys = qkv[..., :6], qkv[..., 6:12]
    for b, h, i in np.ndindex(2, heads, t):
        part = slice(h * k, (h + 1) * k)
        scores = keys[b, :, part] @ queries[b, i, part] / np.sqrt(k)
        want = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(weights[b, 1, h, i], want, rtol=1e-10)


@pytest.mark.parametrize("pool", ["class", "mean", "sequence"])
def test_pool_weights_say_how_the_pooling_sums_the_tokens(pool):
    model, params, images = model_of(pool)
    tokens = inside.features(model, params, images, block=-1)
    normed, _ = model.parts["norm"].forward(params["norm"], tokens)
    weights = inside.pool_weights(model, params, images)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    pooled = np.einsum("bt,btd->bd", weights, normed)
    np.testing.assert_allclose(pooled, inside.features(model, params, images), rtol=1e-10)
