"""Keys: the same address always gives the same numbers, another address other numbers."""

import numpy as np
import pytest

from minivit.arrays.keys import Key, at, generator

SHAPE = (6, 5, 7)  # 35 numbers an image: not a multiple of the sixteen that Philox makes at once


def test_same_key_same_numbers():
    numbers = Key(1, 2, 3, "a").uint16(SHAPE)
    assert numbers.shape == SHAPE and numbers.dtype == np.uint16
    assert np.array_equal(numbers, Key(1, 2, 3, "a").uint16(SHAPE))


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_the_numbers_of_an_image_do_not_depend_on_how_the_batch_is_divided(cut):
    whole = Key(1, 2).uint16(SHAPE)
    front = Key(1, 2, 0).uint16((cut, *SHAPE[1:]))
    back = Key(1, 2, cut).uint16((SHAPE[0] - cut, *SHAPE[1:]))
    assert np.array_equal(np.concatenate([front, back]), whole)


@pytest.mark.parametrize("per_image", [(1,), (15,), (16,), (17,), (3, 32)])
def test_images_own_whole_counters(per_image):
    whole = Key(0).uint16((4, *per_image))
    assert np.array_equal(whole[3], Key(0, first=3).uint16((1, *per_image))[0])


@pytest.mark.parametrize(
    "other", [Key(2, 2, 0, "a"), Key(1, 3, 0, "a"), Key(1, 2, 6, "a"), Key(1, 2, 0, "b")], ids=str
)
def test_another_address_has_other_numbers(other):
    here = Key(1, 2, 0, "a").uint16(SHAPE)
    assert np.mean(here == other.uint16(SHAPE)) < 0.02


def test_numbers_are_uniform_and_images_and_layers_independent():
    numbers = Key(4).uint16((200, 500)) / 65536
    assert numbers.mean() == pytest.approx(0.5, abs=0.004)
    assert numbers.std() == pytest.approx(12**-0.5, abs=0.003)
    assert abs(np.corrcoef(numbers[0::2].ravel(), numbers[1::2].ravel())[0, 1]) < 0.015
    other = Key(4).at("drop").uint16((200, 500)) / 65536
    assert abs(np.corrcoef(numbers.ravel(), other.ravel())[0, 1]) < 0.015


def test_the_numbers_themselves_are_pinned():
    """A resumed run has the same masks, on any machine and with any version of NumPy."""
    assert Key(7, 3, 2).at("block0").at("drop").uint16((1, 4)).tolist() == [
        [51875, 61977, 17299, 40933]
    ]


def test_paths_are_like_those_of_the_tree():
    key = Key(1)
    assert key.at("block0").at("attn") == at(at(key, "block0"), "attn") != key.at("block0")
    assert at(None, "attn") is None  # evaluation is not random
    assert key == Key(1)  # immutable: `at` gave others
    with pytest.raises(AttributeError):
        key.step = 2


@pytest.mark.parametrize("seed", [0, 2**32, 2**63])
def test_large_seeds(seed):
    assert not np.array_equal(Key(seed).uint16((2, 16)), Key(seed + 1).uint16((2, 16)))


def test_generator_is_one_stream_a_use():
    def draw(*where):
        return generator(*where).random(4).tolist()

    assert draw(0, "batches", 3) == draw(0, "batches", 3)
    others = [draw(0, "batches", 4), draw(1, "batches", 3), draw(0, "init", 3), draw(0, "batches")]
    assert draw(0, "batches", 3) not in others
