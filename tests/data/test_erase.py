"""Random erasing: it hides a rectangle of the right size and changes nothing else."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.erase import random_erasing
from minivit.errors import ConfigError


def random_images(count=60, shape=(9, 12, 3)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def boxes(images, out):
    """For each changed image, the rows and columns of the rectangle that contains the changes."""
    changed = (images != out).any(axis=3)
    for image in changed[changed.any(axis=(1, 2))]:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        yield rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


@pytest.mark.parametrize("shape", [(9, 12, 3), (8, 5, 1)])
def test_batches_are_the_same_bytes_everywhere(xp, syncs, shape):
    images = random_images(60, shape)
    expected = random_erasing(images, np.random.default_rng(1))
    on_device = to_device(images, xp)
    syncs.clear()
    out = random_erasing(on_device, np.random.default_rng(1))
    assert not syncs
    assert out.dtype == np.uint8 and out.shape == images.shape
    np.testing.assert_array_equal(to_host(out), expected)
    np.testing.assert_array_equal(images, random_images(60, shape))  # the input is unchanged
    assert (random_erasing(images, np.random.default_rng(2)) != expected).any()


def test_sizes_and_positions_are_distributed_as_in_the_docstring():
    images = np.zeros((1500, 40, 40, 4), np.uint8)  # 4 channels: random bytes are seldom all 0
    out = random_erasing(images, np.random.default_rng(0), probability=1)
    top, bottom, left, right = np.array(list(boxes(images, out))).T
    height, width = bottom - top, right - left
    assert len(top) == 1500
    area = height * width / 1600
    assert 0.015 < area.min() < 0.03 and 0.3 < area.max() < 0.35
    np.testing.assert_allclose(np.quantile(area, [0.25, 0.5, 0.75]), [0.1, 0.18, 0.255], atol=0.02)
    aspect = np.log(height / width) / np.log(1 / 0.3)  # uniform in -1..1
    assert -1.15 < aspect.min() < -0.9 and 0.9 < aspect.max() < 1.15  # sides are whole pixels
    np.testing.assert_allclose(np.quantile(aspect, [0.25, 0.5, 0.75]), [-0.5, 0, 0.5], atol=0.1)
    small = (height < 35) & (width < 35)
    assert top[small].min() == left[small].min() == 0
    assert bottom[small].max() == right[small].max() == 40
    where = [top / (40 - height).clip(1), left / (40 - width).clip(1)]
    np.testing.assert_allclose(np.mean(where, axis=1), 0.5, atol=0.03)


def test_the_filled_bytes_are_uniform():
    images = np.zeros((400, 32, 32, 3), np.uint8)
    out = random_erasing(images, np.random.default_rng(0), probability=1)
    counts = np.bincount(out[out > 0], minlength=256)[1:]
    np.testing.assert_allclose(counts / counts.mean(), 1, atol=0.15)


@pytest.mark.parametrize("probability", [0, 0.25, 1])
def test_the_probability_is_the_share_of_changed_images(probability):
    images = random_images(2000, (6, 6, 3))
    out = random_erasing(images, np.random.default_rng(0), probability)
    assert out is not images
    assert abs((out != images).any(axis=(1, 2, 3)).mean() - probability) < 0.03


def test_a_side_longer_than_the_image_is_cut_to_it():
    images = np.zeros((300, 4, 40, 4), np.uint8)
    rectangles = list(boxes(images, random_erasing(images, np.random.default_rng(0), 1)))
    assert len(rectangles) == 300
    assert any((top, bottom) == (0, 4) for top, bottom, _, _ in rectangles)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_an_invalid_probability_is_refused(probability):
    with pytest.raises(ConfigError, match="probability"):
        random_erasing(random_images(), np.random.default_rng(0), probability)
