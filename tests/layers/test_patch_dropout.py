"""PatchDropout: which patches stay, how many, in what order, and where their gradients go."""

from dataclasses import dataclass

import numpy as np
import pytest
from cases import KEY, B, D, arrays, draw, redrawn, run, tiny

from minivit import Key
from minivit.arrays.backend import to_device, to_host
from minivit.layers import PatchDropout

PATCHES = 16


def kept(layer, images, tokens, key, xp=np):
    """The tokens of each image that stay, (B, count), found with tokens that hold their index."""
    x = np.broadcast_to(np.arange(tokens, dtype=np.float64)[:, None], (images, tokens, D))
    y = run(layer, {}, x, xp, key)
    assert (y == y[..., :1]).all()  # tokens stay whole
    return y[..., 0].astype(int)


@pytest.mark.parametrize("prefix", [0, 1, 2])
@pytest.mark.parametrize("rate, count", [(0.25, 12), (0.5, 8), (0.9, 2), (0.9999, 1)])
def test_every_image_keeps_as_many_in_order_and_the_prefix_first(xp, prefix, rate, count):
    layer = PatchDropout(rate, prefix)
    stay = kept(layer, 30, prefix + PATCHES, KEY, xp)
    assert stay.shape == (30, layer.count(prefix + PATCHES)) == (30, prefix + count)
    assert (np.diff(stay, axis=1) > 0).all()
    assert (stay[:, :prefix] == np.arange(prefix)).all()


def test_every_patch_stays_as_often_and_images_differ(xp):
    stay = kept(PatchDropout(0.5, 1), 2000, 1 + PATCHES, KEY, xp)
    shares = np.bincount(stay.ravel(), minlength=1 + PATCHES) / 2000
    assert shares[0] == 1
    assert shares[1:] == pytest.approx(np.full(PATCHES, 0.5), abs=0.045)  # 4 standard errors
    assert len({tuple(row) for row in stay}) > 1000


def test_another_step_keeps_other_patches_and_micro_batches_do_not_matter(xp):
    layer, tokens = PatchDropout(0.5, 1), 1 + PATCHES
    whole = kept(layer, 8, tokens, Key(5, 1), xp)
    cut = [kept(layer, 3, tokens, Key(5, 1, 0), xp), kept(layer, 5, tokens, Key(5, 1, 3), xp)]
    assert (np.concatenate(cut) == whole).all()
    assert (kept(layer, 8, tokens, Key(5, 2), xp) != whole).any()


def test_of_equal_numbers_the_first_patches_stay(xp):
    @dataclass(frozen=True)
    class Constant:
        number: int

        def uint16(self, shape):
            return np.full(shape, self.number, np.uint16)

    for number in (0, 7):
        stay = kept(PatchDropout(0.5, 1), 2, 1 + PATCHES, Constant(number), xp)
        assert (stay == np.arange(9)).all()


def test_nothing_is_dropped_and_nothing_kept_in_evaluation_or_at_rate_0(xp):
    x = draw((B, PATCHES, D), xp)
    for rate, key in ((0.5, None), (0.0, KEY), (0.01, KEY)):
        y, cache = PatchDropout(rate).forward({}, x, key)
        assert y is x and cache is None
        assert PatchDropout(rate).backward(x, cache)[0] is x


def test_backward_puts_gradients_back_and_zeros_elsewhere(xp):
    layer, x = PatchDropout(0.5, 1), draw((B, 1 + PATCHES, D))
    y, cache = layer.forward({}, to_device(x, xp), KEY)
    dx, grads = layer.backward(y, cache)  # each token for its own gradient
    stay = kept(layer, B, 1 + PATCHES, KEY)
    want = np.zeros_like(x)
    for image, tokens in enumerate(stay):
        want[image, tokens] = x[image, tokens]
    assert (to_host(dx) == want).all() and grads == {}


@pytest.mark.parametrize("pool, tokens", [("class", 6), ("mean", 5), ("sequence", 5)])
def test_the_blocks_of_a_model_see_only_what_is_kept(pool, tokens):
    model = tiny(pool=pool, patch_dropout=0.4)  # 9 patches, 5 kept
    _, cache = model.forward(redrawn(model), draw((B, 6, 6, 3)), KEY)
    assert {a.shape[1] for a in arrays(cache["block0"]["norm1"]) if a.ndim == 3} == {tokens}
    _, cache = model.forward(redrawn(model), draw((B, 6, 6, 3)))
    whole = 9 + (pool == "class")
    assert {a.shape[1] for a in arrays(cache["block0"]["norm1"]) if a.ndim == 3} == {whole}
