"""Dropout: its rate, its scale, its places in the MLP and the block, and none in evaluation."""

import numpy as np
import pytest
from cases import KEY, LAYERS, B, D, T, build, close, draw, plain_layernorm, redrawn, run

from minivit.layers import Dropout, Gelu, Mlp, TransformerBlock


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(xp, rate):
    x = np.ones((50, 40, 50))
    y = run(Dropout(rate), {}, x, xp, KEY)
    assert np.mean(y == 0) == pytest.approx(rate, abs=0.005)  # 3 standard errors at 0.5
    assert np.mean(y) == pytest.approx(1, abs=0.03)
    close(y[y != 0], 1 / (1 - rate), rtol=1e-4)  # rates are kept to 1/65536


def test_dropout_of_nearly_everything_stays_finite(xp):
    assert np.isfinite(run(Dropout(0.9999999), {}, np.ones((B, T, D)), xp, KEY)).all()


@pytest.mark.parametrize(
    "name, without",
    [
        ("Dropout", "Dropout of nothing"),
        ("Mlp", "Mlp without dropout"),
        ("TransformerBlock", "TransformerBlock without dropout"),
        ("TransformerBlock without drop path", "TransformerBlock without dropout"),
    ],
)
def test_evaluation_drops_nothing(xp, name, without):
    layer, params, x = build(name)
    without, _ = LAYERS[without]
    evaluated = run(layer, params, x, xp)
    assert (evaluated == run(without, params, x, xp)).all()
    assert (evaluated != run(layer, params, x, xp, KEY)).any()


def test_dropout_sites_of_the_mlp(xp):
    """After the GELU and after the second product, each with its own mask."""
    ones = np.ones((B, T, 50))
    mlp, names = Mlp(50, 50, 0.5), ("drop1", "drop2")
    masks = [run(Dropout(0.5), {}, ones, xp, KEY.at(name)) for name in names]
    assert (masks[0] != masks[1]).any()
    params = redrawn(mlp)
    h = run(Gelu(), {}, run(mlp.fc1, params["fc1"], ones, xp), xp) * masks[0]
    want = run(mlp.fc2, params["fc2"], h, xp) * masks[1]
    close(run(mlp, params, ones, xp, KEY), want, rtol=1e-9)


def test_dropout_sites_of_the_block(xp):
    """After the attention, and in the MLP; each is tested with the output of the other set to 0."""
    block, x = TransformerBlock(50, 5, 3, 0.5), draw((B, T, 50))
    for muted, fed in (("mlp.fc2", "norm1"), ("attn.proj", "norm2")):
        params = redrawn(block)
        part, last = muted.split(".")
        for name in ("w", "b"):
            params[part][last][name][...] = 0.0
        norm = plain_layernorm(x, params[fed]["gamma"], params[fed]["beta"])
        if fed == "norm1":
            h = run(block.attn, params["attn"], norm, xp)
            h *= run(Dropout(0.5), {}, np.ones_like(h), xp, KEY.at("drop"))
        else:
            h = run(block.mlp, params["mlp"], norm, xp, KEY.at("mlp"))
        close(run(block, params, x, xp, KEY), x + h, rtol=1e-9)
