"""MixUp and CutMix: the targets give the proportion of each image in the mixed pixels."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.mix import mix
from minivit.errors import ConfigError
from minivit.layers import CrossEntropy

ALPHAS = {"both": (0.8, 1.0), "mixup": (0.8, 0), "cutmix": (0, 1.0), "neither": (0, 0)}


def constant_images(count=80, shape=(8, 12, 3)):
    """Each image has one level (0, 3, 6, ...) and its own class."""
    level = (3 * np.arange(count)).astype(np.uint8)
    images = np.broadcast_to(level[:, None, None, None], (count, *shape)).copy()
    return images, np.arange(count)


def mixed(seed=0, methods="both", **options):
    images, labels = constant_images(**options)
    out, targets = mix(images, labels, len(labels), np.random.default_rng(seed), *ALPHAS[methods])
    return images, out, targets


@pytest.mark.parametrize("methods", ALPHAS)
def test_batches_are_the_same_bytes_everywhere(xp, syncs, methods):
    images, labels = constant_images()
    expected = mix(images, labels, 80, np.random.default_rng(1), *ALPHAS[methods])
    on_device = to_device(images, xp), to_device(labels, xp)
    syncs.clear()
    out, targets = mix(*on_device, 80, np.random.default_rng(1), *ALPHAS[methods])
    assert not syncs
    assert out.dtype == np.uint8 and out.shape == images.shape
    assert targets.dtype == np.float32 and targets.shape == (80, 80)
    np.testing.assert_array_equal(to_host(out), expected[0])
    np.testing.assert_array_equal(to_host(targets), expected[1])
    np.testing.assert_array_equal(images, constant_images()[0])  # the input is unchanged
    other, _ = mix(images, labels, 80, np.random.default_rng(2), *ALPHAS[methods])
    assert (other != expected[0]).any() == (methods != "neither")


def test_cutmix_targets_are_the_shares_of_the_pixels():
    _, out, targets = mixed(methods="cutmix")
    shares = [np.bincount(image.ravel() // 3, minlength=80) for image in out]
    np.testing.assert_allclose(targets, np.array(shares) / out[0].size, rtol=0, atol=1e-7)
    partner = np.where(np.eye(80) == 1, 0, targets).argmax(axis=1)
    cut = [i for i in range(80) if (out[i] != out[i, 0, 0]).any()]
    assert len(cut) > 60  # the others: own partner, empty rectangle, or whole image
    for i in cut:
        inside = (out[i] == 3 * partner[i]).all(axis=2)
        rows, columns = inside.any(axis=1), inside.any(axis=0)
        np.testing.assert_array_equal(inside, rows[:, None] & columns)  # rows x columns, and
        assert all((np.diff(side.astype(int)) != 0).sum() <= 2 for side in (rows, columns))


def test_mixup_pixels_are_the_mean_that_the_targets_give():
    _, out, targets = mixed(methods="mixup")
    assert (out == out[:, :1, :1, :1]).all()
    level = targets.astype(np.float64) @ (3 * np.arange(80))
    np.testing.assert_allclose(out[:, 0, 0, 0], level, rtol=0, atol=0.5)
    assert np.abs(level - 3 * np.arange(80)).max() > 30


def test_both_methods_are_equally_frequent_within_a_batch():
    images, labels = constant_images(2000, (6, 6, 1))
    out, _ = mix(images, labels % 5, 5, np.random.default_rng(0), 50.0, 50.0)  # lam near 1/2
    assert 0.4 < (out != out[:, :1, :1]).any(axis=(1, 2, 3)).mean() < 0.55


@pytest.mark.parametrize("methods", ALPHAS)
def test_rows_sum_to_1_and_the_loss_accepts_them(methods):
    images, labels = constant_images()
    targets = mix(images, labels % 3, 3, np.random.default_rng(0), *ALPHAS[methods])[1]
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert targets.min() >= 0
    loss, _ = CrossEntropy().forward(np.zeros((80, 3), np.float32), targets)
    np.testing.assert_allclose(loss, np.log(3), rtol=1e-5)


def test_partners_are_a_permutation():
    """Each image is the partner of exactly one, so each class gets a total of 1."""
    images, labels = constant_images()
    _, targets = mix(images, labels, 80, np.random.default_rng(0), 1e6, 0)  # lam is 1/2
    np.testing.assert_array_equal(targets.sum(axis=0), 1)


def test_lam_is_beta_distributed():
    own = [np.diag(mixed(seed, "mixup", count=500)[2]) for seed in range(6)]
    assert abs(np.mean(own) - 0.5) < 0.03
    assert abs(np.var(own) - 1 / (4 * (2 * 0.8 + 1))) < 0.01  # Beta(a, a): 1 / (4 (2 a + 1))


def test_cutmix_rectangles_are_anywhere_and_cut_at_the_edges():
    images, labels = constant_images(600, (40, 20, 1))
    _, targets = mix(images, labels, 600, np.random.default_rng(0), 0, 1e6)  # lam is 1/2
    area = 1 - np.diag(targets)
    side = 0.5**0.5  # of the whole side; on average, side / 4 of it is cut off at the edges
    assert abs(area.max() - side**2) < 0.03
    assert abs(area.mean() - (side - side**2 / 4) ** 2) < 0.02


def test_neither_gives_one_hot_targets_and_the_images_themselves():
    images, out, targets = mixed(methods="neither")
    assert out is images
    np.testing.assert_array_equal(targets, np.eye(80, dtype=np.float32))


@pytest.mark.parametrize("wrong", [{"mixup": -1}, {"cutmix": -0.1}, {"mixup": float("nan")}])
def test_invalid_parameters_are_refused(wrong):
    images, labels = constant_images()
    with pytest.raises(ConfigError, match="mixup and cutmix"):
        mix(images, labels, 80, np.random.default_rng(0), **wrong)
