"""SequencePool: a mean whose weights are a softmax over the tokens."""

import math

import numpy as np
import pytest
from cases import B, D, T, build, close, draw, redrawn, run

from minivit import gradcheck
from minivit.arrays.backend import to_device
from minivit.layers import MeanPool, SequencePool


def test_it_is_its_definition(xp):
    layer, params, x = build("SequencePool")
    y = run(layer, params, x, xp)
    for b in range(B):
        weights = [
            math.exp(sum(x[b, t, i] * params["w"][i, 0] for i in range(D))) for t in range(T)
        ]
        close(y[b], sum(w * x[b, t] for t, w in enumerate(weights)) / sum(weights))


def test_with_w_0_it_is_the_mean(xp):
    x = draw((B, T, D))
    close(run(SequencePool(D), {"w": np.zeros((D, 1))}, x, xp), run(MeanPool(), {}, x, xp))


def test_a_bias_on_the_scores_would_change_nothing(xp):
    """A vector added to every token changes all scores alike: y changes by this vector only."""
    layer, params, x = build("SequencePool")
    shift = draw((D,), seed=9)
    close(run(layer, params, x + shift, xp), run(layer, params, x, xp) + shift)


def test_the_order_of_the_tokens_does_not_matter(xp):
    layer, params, x = build("SequencePool")
    order = np.random.default_rng(4).permutation(T)
    close(run(layer, params, x[:, order], xp), run(layer, params, x, xp))


def test_scores_of_1e4_do_not_overflow_and_select_one_token(xp):
    x = draw((B, T, D)).astype(np.float32)
    params = {"w": (1e4 * redrawn(SequencePool(D))["w"]).astype(np.float32)}
    best = (x @ params["w"])[..., 0].argmax(axis=1)
    y = run(SequencePool(D), params, x, xp)
    assert y == pytest.approx(x[np.arange(B), best], rel=1e-6)


def test_gradients_where_the_weights_are_nearly_one_token(xp):
    params = {"w": to_device(3 * redrawn(SequencePool(D))["w"], xp)}
    checks = gradcheck.check_layer(SequencePool(D), draw((B, T, D), xp), params)
    assert max(check.error for check in checks) <= gradcheck.LAYER_TOLERANCE
