"""Batches: every image once an epoch, the same after a restart, and prefetched."""

import itertools
import threading
import time

import numpy as np
import pytest

from minivit.arrays.backend import array_module, to_device, to_host
from minivit.data.augment.prepare import Preparation
from minivit.data.batches import epoch, on_device, prefetch, split

COUNT, BATCH = 23, 5


def numbered_images(xp=np):
    """Images whose pixels are the image's index, and labels that are that index too."""
    images = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    return to_device(images, xp), to_device(np.arange(COUNT), xp)


def batches_of_all(xp=np, number=2, seed=7, **options):
    """An epoch of all the images."""
    images, labels = numbered_images(xp)
    order = {"number": number, "batch_size": BATCH, "seed": seed}
    return epoch(images, labels, np.arange(COUNT), **order, **options)


def labels_of(batches):
    return [to_host(labels).tolist() for _, labels in batches]


@pytest.mark.parametrize(("count", "fraction", "held_out"), [(50, 0.1, 5), (7, 0.5, 4), (9, 0, 0)])
def test_split_is_disjoint_and_complete(count, fraction, held_out):
    training, validation = split(count, fraction, seed=1)
    assert len(validation) == held_out
    assert sorted([*training, *validation]) == list(range(count))
    assert (np.diff(training) > 0).all() and (np.diff(validation) > 0).all()


def test_a_share_of_the_training_images_is_a_part_of_a_larger_share():
    whole, validation = split(200, 0.25, 1)
    parts = [split(200, 0.25, 1, used) for used in (0.1, 0.5, 1.0)]
    assert [len(training) for training, _ in parts] == [15, 75, 150]
    assert all((held_out == validation).all() for _, held_out in parts)
    for (smaller, _), (larger, _) in itertools.pairwise(parts):
        assert set(smaller) <= set(larger) <= set(whole) and (np.diff(smaller) > 0).all()
    assert len(split(9, 0.0, 1, 1e-9)[0]) == 1


def test_split_is_fixed_by_the_seed():
    assert (split(100, 0.3, 1)[1] == split(100, 0.3, 1)[1]).all()
    assert (split(100, 0.3, 1)[1] != split(100, 0.3, 2)[1]).any()


def test_an_epoch_has_every_image_once_with_its_own_label(xp):
    images, labels = numbered_images(xp)
    indices = np.array([i for i in range(COUNT) if i % 4])  # 17: three batches and a rest of 2
    plain = Preparation(crop_and_flip=False)
    options = {"number": 1, "batch_size": BATCH, "seed": 0, "prepare": plain}
    batches = list(epoch(images, labels, indices, **options))
    assert [len(b) for b, _ in batches] == [5, 5, 5, 2]
    for pixels, own in batches:
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(to_host(pixels)[:, 0, 0, 0], to_host(own))
    seen = [label for labels in labels_of(batches) for label in labels]
    assert sorted(seen) == indices.tolist()


def test_batches_prepared_on_the_host_are_sent_to_the_device(xp):
    for sent, prepared in zip(on_device(batches_of_all(), xp), batches_of_all(), strict=True):
        for one, other in zip(sent, prepared, strict=True):
            assert array_module(one) is xp
            np.testing.assert_array_equal(to_host(one), other)


def test_each_epoch_has_its_own_order():
    orders = [labels_of(batches_of_all(number=number, seed=0)) for number in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert labels_of(batches_of_all(number=1, seed=1)) != orders[0]


@pytest.mark.parametrize("first", [1, 3, 4, 5])
def test_an_epoch_from_a_later_step_has_the_same_batches(first):
    from_beginning, rest = list(batches_of_all()), list(batches_of_all(first_step=first))
    assert len(rest) == len(from_beginning) - first
    for (image, label), (same_image, same_label) in zip(from_beginning[first:], rest, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(label, same_label)


def test_batches_on_the_device_are_those_on_the_host(xp):
    on_host, on_device = list(batches_of_all()), list(batches_of_all(xp))
    for (image, label), (same_image, same_label) in zip(on_host, on_device, strict=True):
        np.testing.assert_array_equal(image, to_host(same_image))
        np.testing.assert_array_equal(label, to_host(same_label))


def test_augmentation_differs_from_step_to_step_and_epoch_to_epoch():
    drawn = []

    def spy(images, labels, rng):
        drawn.append(rng.bytes(8))
        return images, labels

    for number in (1, 2):
        list(batches_of_all(number=number, prepare=spy))
    assert len(drawn) == len(set(drawn)) == 10


def test_prefetch_yields_everything_in_order():
    assert list(prefetch(iter(range(50)))) == list(range(50))
    assert list(prefetch(iter([]))) == []


def test_prefetch_computes_items_in_advance():
    made = []
    prefetched = prefetch((made.append(i) or i for i in range(10)), depth=2)
    assert next(prefetched) == 0
    deadline = time.monotonic() + 5
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert made[:3] == [0, 1, 2]
    time.sleep(0.05)
    assert len(made) <= 4  # one yielded, two in the queue, one just computed
    prefetched.close()


def test_prefetch_raises_the_error_of_its_thread_after_the_items_before_it():
    def broken():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in prefetch(broken()):
            seen.append(item)
    assert seen == [1, 2]


def test_leaving_early_ends_the_thread():
    made = []
    for item in prefetch((made.append(i) or i for i in range(10**9)), depth=2):
        if item == 3:
            break
    assert not [t for t in threading.enumerate() if t.name == "batches"]
    assert len(made) < 10
