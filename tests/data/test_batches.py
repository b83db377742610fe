"""Batches: every picture once an epoch, the same after a restart, and prepared ahead."""

import threading
import time

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.prepare import Preparation
from minivit.data.batches import ahead, epoch, split

COUNT, BATCH = 23, 5


def numbered(xp=np):
    """Pictures that are their own number, and so are the labels."""
    images = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    return to_device(images, xp), to_device(np.arange(COUNT), xp)


def labels_of(batches):
    return [to_host(labels).tolist() for _, labels in batches]


@pytest.mark.parametrize(("count", "fraction", "held_out"), [(50, 0.1, 5), (7, 0.5, 4), (9, 0, 0)])
def test_split_is_disjoint_and_complete(count, fraction, held_out):
    training, validation = split(count, fraction, seed=1)
    assert len(validation) == held_out
    assert sorted([*training, *validation]) == list(range(count))
    assert (np.diff(training) > 0).all() and (np.diff(validation) > 0).all()


def test_split_is_fixed_by_the_seed():
    assert (split(100, 0.3, 1)[1] == split(100, 0.3, 1)[1]).all()
    assert (split(100, 0.3, 1)[1] != split(100, 0.3, 2)[1]).any()


def test_every_picture_once_an_epoch_with_its_own_label(xp):
    images, labels = numbered(xp)
    indices = np.array([i for i in range(COUNT) if i % 4])  # 17: three batches and a rest of 2
    plain = Preparation(augment=False)
    batches = list(epoch(images, labels, indices, BATCH, seed=0, number=1, prepare=plain))
    assert [len(b) for b, _ in batches] == [5, 5, 5, 2]
    for pixels, own in batches:
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(to_host(pixels)[:, 0, 0, 0], to_host(own))
    seen = [label for labels in labels_of(batches) for label in labels]
    assert sorted(seen) == indices.tolist()


def test_each_epoch_has_an_order_of_its_own():
    images, labels = numbered()
    orders = [labels_of(epoch(images, labels, np.arange(COUNT), BATCH, 0, n)) for n in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    other = labels_of(epoch(images, labels, np.arange(COUNT), BATCH, 1, 1))
    assert other != orders[0]


@pytest.mark.parametrize("first", [1, 3, 4, 5])
def test_starting_later_meets_the_same_batches(first):
    images, labels = numbered()
    whole = list(epoch(images, labels, np.arange(COUNT), BATCH, 7, 2))
    rest = list(epoch(images, labels, np.arange(COUNT), BATCH, 7, 2, first))
    assert len(rest) == len(whole) - first
    for (image, label), (same_image, same_label) in zip(whole[first:], rest, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(label, same_label)


def test_device_meets_the_batches_of_the_host(xp):
    on_host = list(epoch(*numbered(), np.arange(COUNT), BATCH, 7, 2))
    on_device = list(epoch(*numbered(xp), np.arange(COUNT), BATCH, 7, 2))
    for (image, label), (same_image, same_label) in zip(on_host, on_device, strict=True):
        np.testing.assert_array_equal(image, to_host(same_image))
        np.testing.assert_array_equal(label, to_host(same_label))


def test_augmentation_differs_from_step_to_step_and_epoch_to_epoch():
    drawn = []

    def spy(images, labels, rng):
        drawn.append(rng.bytes(8))
        return images, labels

    for number in (1, 2):
        list(epoch(*numbered(), np.arange(COUNT), BATCH, 0, number, prepare=spy))
    assert len(drawn) == len(set(drawn)) == 10


def test_ahead_hands_on_everything_in_order():
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter([]))) == []


def test_ahead_prepares_before_it_is_asked():
    made = []
    prepared = ahead((made.append(i) or i for i in range(10)), depth=2)
    assert next(prepared) == 0
    deadline = time.monotonic() + 5
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert made[:3] == [0, 1, 2]
    time.sleep(0.05)
    assert len(made) <= 4  # one handed out, two waiting, one in hand
    prepared.close()


def test_ahead_raises_the_producers_error_after_what_came_before_it():
    def broken():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in ahead(broken()):
            seen.append(item)
    assert seen == [1, 2]


def test_leaving_early_ends_the_thread():
    made = []
    for item in ahead((made.append(i) or i for i in range(10**9)), depth=2):
        if item == 3:
            break
    assert not [t for t in threading.enumerate() if t.name == "batches"]
    assert len(made) < 10
