"""Crop and flip compared with loops over images; channel statistics and normalising by them."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.crop_flip import crop_and_flip, random_crop, random_flip
from minivit.data.normalise import channel_statistics, normalise


def random_images(shape=(7, 6, 5, 3), seed=0):
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)  # 0 is padding


def cropped(images, rng, padding):
    """Each pixel looked up separately, and black outside the image."""
    b, h, w, _ = images.shape
    top, left = rng.integers(0, 2 * padding + 1, (2, b))
    out = np.zeros_like(images)
    for i in range(b):
        for y in range(h):
            for x in range(w):
                from_y, from_x = y + top[i] - padding, x + left[i] - padding
                if 0 <= from_y < h and 0 <= from_x < w:
                    out[i, y, x] = images[i, from_y, from_x]
    return out


def flipped(images, rng):
    mirror = rng.random(len(images)) < 0.5
    return np.stack([im[:, ::-1] if m else im for im, m in zip(images, mirror, strict=True)])


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_crop_equals_the_loop(xp, syncs, padding):
    images = random_images()
    on_device = to_device(images, xp)
    syncs.clear()
    out = random_crop(on_device, np.random.default_rng(3), padding)
    assert not syncs
    np.testing.assert_array_equal(to_host(out), cropped(images, np.random.default_rng(3), padding))


def test_flip_equals_the_loop(xp, syncs):
    images = random_images()
    on_device = to_device(images, xp)
    syncs.clear()
    out = random_flip(on_device, np.random.default_rng(4))
    assert not syncs
    np.testing.assert_array_equal(to_host(out), flipped(images, np.random.default_rng(4)))


@pytest.mark.parametrize("padding", [(), (0,), (2,), (40,)])
def test_crop_and_flip_crops_by_four_or_another_number_then_flips(xp, padding):
    images = random_images()
    rng = np.random.default_rng(5)
    expected = flipped(cropped(images, rng, *padding or (4,)), rng)
    out = crop_and_flip(to_device(images, xp), np.random.default_rng(5), *padding)
    assert out.dtype == np.uint8 and out.shape == images.shape
    np.testing.assert_array_equal(to_host(out), expected)
    np.testing.assert_array_equal(images, random_images())  # the input is unchanged


def test_every_shift_and_both_orientations_occur():
    """In images with a single bright pixel, its position tells what was done."""
    images = np.zeros((2000, 9, 9, 1), np.uint8)
    images[:, 4, 3] = 255
    out = crop_and_flip(images, np.random.default_rng(0))
    _, y, x, _ = np.nonzero(out)
    assert set(y) == set(range(9))
    assert set(x) == set(range(9))  # shifts give columns -1..7; the flip makes them 1..9
    seen = out.any(axis=(1, 2, 3)).mean()
    assert 0.85 < seen < 0.93  # a shift by 4 to the left, one in nine, loses the pixel


def test_statistics_are_those_of_all_pixels():
    images = random_images((50, 6, 5, 3))
    mean, deviation = channel_statistics(images)
    pixels = images.reshape(-1, 3) / 255
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, pixels.std(axis=0), rtol=1e-12)
    assert mean.dtype == deviation.dtype == np.float64


def test_normalised_images_have_mean_0_and_deviation_1(xp):
    images = random_images((50, 6, 5, 3))
    mean, std = (to_device(s.astype(np.float32), xp) for s in channel_statistics(images))
    x = to_host(normalise(to_device(images, xp), mean, std))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.reshape(-1, 3).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.reshape(-1, 3).std(axis=0), 1, atol=1e-5)
    first = (images[0, 0, 0] / 255 - to_host(mean)) / to_host(std)
    np.testing.assert_allclose(x[0, 0, 0], first, atol=1e-6)


def test_a_constant_channel_stays_finite():
    images = random_images((4, 6, 5, 2))
    images[..., 1] = 77
    mean, std = channel_statistics(images)
    x = normalise(images, mean, std)
    assert np.isfinite(x).all() and not x[..., 1].round(9).any()
