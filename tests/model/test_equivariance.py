"""What "less inductive bias" means: which shifts of an image a model cannot see.

Without positions, a cyclic shift by whole patches permutes the tokens and changes nothing else. In
what acts on each token alone the numbers are the same; in attention the sums over the keys come in
another order, so the last bits may differ. Tolerances are float64's rounding.
"""

import numpy as np
import pytest
from cases import B, D, M, T, draw, redrawn, tiny

from minivit.convolution import Convolution, MaxPool, Relu
from minivit.layers import Attention, Gelu, LayerNorm, Linear, Mlp, Patchify, TransformerBlock

ROUNDING = 2e-14  # of the largest number
shifts = pytest.mark.parametrize("down, right", [(0, 1), (1, 0), (2, 1)])  # in patches


def permutation(side, down, right):
    """tokens[:, permutation] are the tokens of the shifted image."""
    return np.roll(np.arange(side * side).reshape(side, side), (down, right), (0, 1)).ravel()


def shifted(images, down, right):
    """Images moved down and to the right by so many pixels; what leaves comes in again."""
    return np.roll(images, (down, right), axis=(1, 2))


def distance(one, other):
    """The largest difference, relative to the largest number."""
    return np.abs(one - other).max() / np.abs(other).max()


@shifts
def test_patches_of_a_shifted_image_are_the_same_in_another_order(down, right):
    images, p = draw((B, 6, 6, 3)), 2
    tokens, _ = Patchify(p, p).forward({}, images)
    moved, _ = Patchify(p, p).forward({}, shifted(images, p * down, p * right))
    assert (moved == tokens[:, permutation(3, down, right)]).all()  # to the last bit


@pytest.mark.parametrize(
    "layer, last_bit",
    [(Gelu(), True), (Linear(D, M), False), (LayerNorm(D), False), (Mlp(D, M), False),
     (Attention(D, 3), False), (TransformerBlock(D, 3, M), False)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_follows_keeps_that_order(layer, last_bit):
    params, x = redrawn(layer), draw((B, T, D))
    order = np.random.default_rng(3).permutation(T)
    y, _ = layer.forward(params, x)
    moved, _ = layer.forward(params, x[:, order])
    assert distance(moved, y[:, order]) <= (0 if last_bit else ROUNDING)
    assert distance(moved, y) > 0.1  # the order is another one


@shifts
@pytest.mark.parametrize("pool", ["class", "mean", "sequence"])
def test_without_positions_a_model_cannot_see_a_shift_by_patches(pool, down, right):
    model, images = tiny(pool=pool), draw((B, 6, 6, 3))
    params = redrawn(model)
    there = shifted(images, 2 * down, 2 * right)
    seen = distance(model.predict(params, there), model.predict(params, images))
    params["position"]["pos"][...] = 0.0
    unseen = distance(model.predict(params, there), model.predict(params, images))
    assert unseen <= ROUNDING and seen > 1e-3


def test_a_shift_by_less_than_a_patch_is_always_seen():
    model, images = tiny(pool="mean"), draw((B, 6, 6, 3))
    params = redrawn(model)
    params["position"]["pos"][...] = 0.0
    there = shifted(images, 0, 1)
    assert distance(model.predict(params, there), model.predict(params, images)) > 1e-3


@pytest.mark.parametrize("pixels", [1, 2, 3])
@pytest.mark.parametrize("layer", [Convolution(3, D, 3), MaxPool(3, 1), Relu()], ids=str)
def test_a_convolution_moves_with_its_image_by_pixels(layer, pixels):
    """But for what the border of zeros touches: a row and a column on each side of either seam."""
    params, x = redrawn(layer), draw((B, 9, 8, 3))
    y, _ = layer.forward(params, x)
    moved, _ = layer.forward(params, shifted(x, 0, pixels))
    inside = np.s_[:, 1:-1, pixels + 1 : -1]
    assert distance(moved[inside], shifted(y, 0, pixels)[inside]) <= ROUNDING


def test_with_a_stride_it_moves_by_multiples_of_that_only():
    layer = Convolution(3, D, 3, stride=2)
    params, x = redrawn(layer), draw((B, 8, 8, 3))
    y, _ = layer.forward(params, x)
    for pixels, same in ((2, True), (4, True), (1, False), (3, False)):
        moved, _ = layer.forward(params, shifted(x, 0, pixels))
        steps = pixels // 2
        inside = np.s_[:, :-1, steps:-1]
        there = distance(moved[inside], shifted(y, 0, steps)[inside])
        assert (there <= ROUNDING) == same


def test_the_border_of_zeros_lets_a_hybrid_see_a_shift_by_patches():
    """A stem's windows at the border tell it where the border is, also without positions."""
    model, images = tiny(pool="mean", image_size=8, patch_size=4, stem="small"), draw((B, 8, 8, 3))
    params = redrawn(model)
    params["position"]["pos"][...] = 0.0
    there = shifted(images, 0, 4)
    assert distance(model.predict(params, there), model.predict(params, images)) > 1e-3
