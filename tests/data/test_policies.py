"""RandAugment: each operation compared with Pillow, and which images get which operations."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment import policies
from minivit.data.augment.policies import OPERATIONS, Operation, rand_augment
from minivit.errors import ConfigError

WITHOUT_STRENGTH = ("autocontrast", "equalize")  # they change images at strength 0 too
GREY = (128, 128, 128)
POLICIES = {
    "rand": rand_augment,
    "rand, once, at the limit": lambda images, rng: rand_augment(images, rng, 1, 30),
}


def random_images(count=9, shape=(32, 28, 3), seed=0):
    """Noise between two levels, others in each image; image 1 has one level, image 2 has two."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 120, (count, 1, 1, shape[-1]))
    images = rng.integers(low, low + rng.integers(2, 136, low.shape), (count, *shape))
    images[1], images[2] = 77, rng.choice([0, 255], shape)
    return images.astype(np.uint8)


def strengths(name, count):
    """Over the whole published range."""
    operation = OPERATIONS[name]
    return np.linspace(-1 if operation.signed else 0, 1, count) * operation.limit


def apply(name, images, strength):
    planes = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return OPERATIONS[name].apply(planes, strength).transpose(1, 2, 3, 0)


def by_pillow(name, image, s):
    """The operation `name` on one image, by Pillow."""
    image_module = pytest.importorskip("PIL.Image", reason="this test compares with Pillow")
    from PIL import ImageEnhance, ImageOps

    pil_image = image_module.fromarray(image)
    width, height = pil_image.size

    def moved(*matrix):
        affine = image_module.Transform.AFFINE
        return pil_image.transform(pil_image.size, affine, matrix, fillcolor=GREY)

    answers = {
        "identity": lambda: pil_image,
        "autocontrast": lambda: ImageOps.autocontrast(pil_image),
        "equalize": lambda: ImageOps.equalize(pil_image),
        "rotate": lambda: pil_image.rotate(s, fillcolor=GREY),
        "solarize": lambda: ImageOps.solarize(pil_image, round(255 * (1 - s)) + 1),
        "color": lambda: ImageEnhance.Color(pil_image).enhance(1 + s),
        "posterize": lambda: ImageOps.posterize(pil_image, 8 - round(s)),
        "contrast": lambda: ImageEnhance.Contrast(pil_image).enhance(1 + s),
        "brightness": lambda: ImageEnhance.Brightness(pil_image).enhance(1 + s),
        "sharpness": lambda: ImageEnhance.Sharpness(pil_image).enhance(1 + s),
        "shear_x": lambda: moved(1, s, 0, 0, 1, 0),
        "shear_y": lambda: moved(1, 0, 0, s, 1, 0),
        "translate_x": lambda: moved(1, 0, round(s * width), 0, 1, 0),
        "translate_y": lambda: moved(1, 0, 0, 0, 1, round(s * height)),
    }
    return np.asarray(answers[name]())


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_byte_equals_pillows(name):
    images = random_images(31)
    strength = strengths(name, len(images))
    expected = [by_pillow(name, *pair) for pair in zip(images, strength, strict=True)]
    np.testing.assert_array_equal(apply(name, images, strength), expected)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n not in WITHOUT_STRENGTH])
def test_strength_0_leaves_images_unchanged(name):
    np.testing.assert_array_equal(apply(name, random_images(), np.zeros(9)), random_images())


@pytest.mark.parametrize("name", OPERATIONS)
def test_grey_images_are_treated_like_rgb_with_equal_channels(name):
    grey = random_images(shape=(20, 17, 1))
    strength = strengths(name, len(grey))
    of_three = apply(name, grey.repeat(3, axis=3), strength)
    np.testing.assert_array_equal(apply(name, grey, strength), of_three[..., :1])


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_batches_are_the_same_bytes_everywhere(xp, syncs, policy):
    images = random_images(90, (12, 9, 3))
    expected = policy(images, np.random.default_rng(1))
    on_device = to_device(images, xp)
    syncs.clear()
    out = policy(on_device, np.random.default_rng(1))
    assert not syncs
    assert out.dtype == np.uint8 and out.shape == images.shape and out.flags.c_contiguous
    np.testing.assert_array_equal(to_host(out), expected)
    np.testing.assert_array_equal(images, random_images(90, (12, 9, 3)))  # the input is unchanged
    assert (policy(images, np.random.default_rng(2)) != expected).any()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_image_gets_the_operations_that_it_drew(count):
    images = random_images(60, (12, 9, 3))
    out = rand_augment(images, np.random.default_rng(7), count, 21)
    rng, expected = np.random.default_rng(7), images.copy()
    for _ in range(count):
        drawn, minus = rng.integers(0, 14, 60), rng.integers(0, 2, 60)
        for i in range(60):
            name, operation = list(OPERATIONS.items())[drawn[i]]
            sign = -1 if minus[i] and operation.signed else 1
            strength = np.array([sign * 0.7 * operation.limit])
            expected[i] = apply(name, expected[i : i + 1], strength)[0]
    assert out is not images
    np.testing.assert_array_equal(out, expected)


def recorded_operations(monkeypatch):
    """Replace the operations by some that record their strengths and add 1, 2, ... to an image."""
    seen = [[] for _ in range(14)]

    def operation(k, signed):
        return Operation(lambda p, s: (seen[k].extend(s), p + (k + 1))[1], 30, signed)

    table = {str(k): operation(k, k >= 7) for k in range(14)}
    monkeypatch.setattr(policies, "OPERATIONS", table)
    return seen


def test_operations_and_signs_are_equally_frequent(monkeypatch):
    seen = recorded_operations(monkeypatch)
    out = rand_augment(np.zeros((7000, 1, 1, 1), np.uint8), np.random.default_rng(0), 1, 9)
    shares = np.bincount(out.ravel(), minlength=15)[1:] / 7000
    np.testing.assert_allclose(shares, 1 / 14, rtol=0.2)
    assert all(set(strengths) == {9} for strengths in seen[:7])
    assert all(set(strengths) == {9, -9} for strengths in seen[7:])
    assert abs(np.mean(np.concatenate(seen[7:]) > 0) - 0.5) < 0.03


@pytest.mark.parametrize("wrong", [{"magnitude": 31}, {"magnitude": -1}, {"count": -1}])
def test_invalid_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        rand_augment(random_images(), np.random.default_rng(0), **wrong)


@pytest.mark.parametrize("channels", [2, 4])
def test_images_neither_grey_nor_rgb_are_refused(channels):
    with pytest.raises(ConfigError, match=f"1 or 3 channels.*got {channels}"):
        rand_augment(np.zeros((2, 4, 4, channels), np.uint8), np.random.default_rng(0))
