"""The whole chain in training: it can memorise images, and a short run gives pinned losses."""

import math

import numpy as np
import pytest
from cases import tiny

from minivit import CrossEntropy, Key
from minivit.arrays import tree
from minivit.arrays.backend import to_device

PINNED = [
    2.302585,
    2.263692,
    2.189939,
    2.204025,
    2.122263,
    2.107850,
    2.088576,
    2.044955,
    2.031685,
    1.995845,
]


def picture_batch(count, xp, dtype):
    """(images, labels): images of noise, which a model can only memorise."""
    rng = np.random.default_rng(11)
    images = rng.standard_normal((count, 6, 6, 3)).astype(dtype)
    return to_device(images, xp), to_device(rng.integers(0, 10, count), xp)


def step(model, params, images, labels, key):
    """(loss, gradient tree) of one batch."""
    loss_layer = CrossEntropy()
    logits, cache = model.forward(params, images, key)
    loss, loss_cache = loss_layer.forward(logits, labels)
    _, grads = model.backward(loss_layer.backward(1.0, loss_cache), cache)
    return loss, grads


def start(model, xp, dtype):
    params = model.init(np.random.default_rng(3))
    return tree.map(lambda p: to_device(p.astype(dtype), xp), params)


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_32_images_are_memorised_in_200_steps(xp, pool):
    """With plain Adam, written out: Kingma & Ba 2015, algorithm 1."""
    model = tiny(pool=pool, dim=32, heads=4, mlp_dim=64)
    images, labels = picture_batch(32, xp, np.float32)
    params = start(model, xp, np.float32)
    m = tree.map(xp.zeros_like, params)
    v = tree.map(xp.zeros_like, params)
    for t in range(1, 200):
        _, grads = step(model, params, images, labels, None)
        m = tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, v, grads)
        rate = 3e-3 * math.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        params = tree.map(
            lambda p, m, v, rate=rate: p - rate * m / (xp.sqrt(v) + 1e-8), params, m, v
        )
        if t % 20 == 0:
            right = (model.predict(params, images).argmax(axis=1) == labels).sum()
            if int(right) == 32:
                return
    pytest.fail(f"only {int(right)} of 32 images memorised in 200 steps")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_short_run_is_pinned(xp, dtype):
    """Ten steps of plain SGD with dropout. If these change, every published result changes."""
    model = tiny(dropout=0.1)
    images, labels = picture_batch(16, xp, dtype)
    params, losses = start(model, xp, dtype), []
    for t in range(10):
        loss, grads = step(model, params, images, labels, Key(1, step=t))
        params = tree.map(lambda p, g: p - 0.3 * g, params, grads)
        losses.append(float(loss))
    assert losses == pytest.approx(PINNED, abs=1e-4)
