"""DropPath drops whole branches of an image: how many, the scale, and none in evaluation."""

import numpy as np
import pytest
from cases import KEY, B, D, T, close, draw, run

from minivit import Key
from minivit.arrays.backend import to_device, to_host
from minivit.layers import DropPath


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_an_image_is_dropped_whole_or_scaled_whole(xp, rate):
    x = draw((2000, 2, 3))
    share = run(DropPath(rate), {}, x, xp, KEY) / x
    close(share, np.broadcast_to(share[:, :1, :1], share.shape))
    of_images = share[:, 0, 0]
    assert np.mean(of_images == 0) == pytest.approx(rate, abs=0.034)  # 3 standard errors at 0.5
    close(of_images[of_images != 0], 1 / (1 - rate), rtol=1e-4)  # rates are kept to 1/65536


def test_rows_and_images_are_dropped_as_tokens_are(xp):
    kept = run(DropPath(0.5), {}, np.ones((40, T, D)), xp, KEY)[:, 0, 0]
    for shape in [(40, 3), (40, 2, 3, 4)]:
        y = run(DropPath(0.5), {}, np.ones(shape), xp, KEY)
        close(y, np.broadcast_to(kept.reshape(-1, *[1] * (len(shape) - 1)), shape))


def test_nothing_is_dropped_and_nothing_kept_in_evaluation_or_at_rate_0(xp):
    x = draw((B, T, D), xp)
    for rate, key in ((0.5, None), (0.0, KEY)):
        y, cache = DropPath(rate).forward({}, x, key)
        assert y is x and cache is None
        assert DropPath(rate).backward(x, cache)[0] is x


def test_the_gradient_is_dropped_and_scaled_in_the_same_way(xp):
    x = to_device(np.ones((20, T, D)), xp)
    y, cache = DropPath(0.5).forward({}, x, KEY)
    dx, grads = DropPath(0.5).backward(x, cache)
    assert np.array_equal(to_host(dx), to_host(y)) and grads == {}


def test_which_images_are_dropped_is_pinned(xp):
    """A resumed run drops the same images as an uninterrupted one."""
    y = run(DropPath(0.5), {}, np.ones((12, 1)), xp, Key(7, step=3).at("block1").at("path1"))
    assert y[:, 0].astype(int).tolist() == [2, 2, 0, 2, 0, 0, 2, 2, 0, 0, 0, 0]
