"""RandAugment: each operation against Pillow, and who gets which."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment import policies
from minivit.data.augment.policies import OPERATIONS, Operation, rand_augment
from minivit.errors import ConfigError

TABLES_OF_THEIR_OWN = ("autocontrast", "equalize")  # what strength 0 does not make harmless
GREY = (128, 128, 128)
POLICIES = {
    "rand": rand_augment,
    "rand, once, to the limit": lambda images, rng: rand_augment(images, rng, 1, 30),
}


def pictures(count=9, shape=(32, 28, 3), seed=0):
    """Noise between levels of each picture's own; one picture is a single level, one is two."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 120, (count, 1, 1, shape[-1]))
    images = rng.integers(low, low + rng.integers(2, 136, low.shape), (count, *shape))
    images[1], images[2] = 77, rng.choice([0, 255], shape)
    return images.astype(np.uint8)


def strengths(name, count):
    """From one end of what is published to the other."""
    operation = OPERATIONS[name]
    return np.linspace(-1 if operation.signed else 0, 1, count) * operation.limit


def apply(name, images, strength):
    planes = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return OPERATIONS[name].apply(planes, strength).transpose(1, 2, 3, 0)


def by_pillow(name, image, s):
    """The operation `name` on one picture, in Pillow's words."""
    image_module = pytest.importorskip("PIL.Image", reason="Pillow, the judge here, is missing")
    from PIL import ImageEnhance, ImageOps

    picture = image_module.fromarray(image)
    width, height = picture.size

    def moved(*matrix):
        affine = image_module.Transform.AFFINE
        return picture.transform(picture.size, affine, matrix, fillcolor=GREY)

    answers = {
        "identity": lambda: picture,
        "autocontrast": lambda: ImageOps.autocontrast(picture),
        "equalize": lambda: ImageOps.equalize(picture),
        "rotate": lambda: picture.rotate(s, fillcolor=GREY),
        "solarize": lambda: ImageOps.solarize(picture, round(255 * (1 - s)) + 1),
        "color": lambda: ImageEnhance.Color(picture).enhance(1 + s),
        "posterize": lambda: ImageOps.posterize(picture, 8 - round(s)),
        "contrast": lambda: ImageEnhance.Contrast(picture).enhance(1 + s),
        "brightness": lambda: ImageEnhance.Brightness(picture).enhance(1 + s),
        "sharpness": lambda: ImageEnhance.Sharpness(picture).enhance(1 + s),
        "shear_x": lambda: moved(1, s, 0, 0, 1, 0),
        "shear_y": lambda: moved(1, 0, 0, s, 1, 0),
        "translate_x": lambda: moved(1, 0, round(s * width), 0, 1, 0),
        "translate_y": lambda: moved(1, 0, 0, 0, 1, round(s * height)),
    }
    return np.asarray(answers[name]())


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_byte_is_that_of_pillow(name):
    images = pictures(31)
    strength = strengths(name, len(images))
    expected = [by_pillow(name, *pair) for pair in zip(images, strength, strict=True)]
    np.testing.assert_array_equal(apply(name, images, strength), expected)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n not in TABLES_OF_THEIR_OWN])
def test_strength_0_leaves_pictures_as_they_are(name):
    np.testing.assert_array_equal(apply(name, pictures(), np.zeros(9)), pictures())


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_channel_is_treated_as_one_of_three_equal_ones(name):
    grey = pictures(shape=(20, 17, 1))
    strength = strengths(name, len(grey))
    of_three = apply(name, grey.repeat(3, axis=3), strength)
    np.testing.assert_array_equal(apply(name, grey, strength), of_three[..., :1])


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_batches_are_the_same_bytes_everywhere(xp, syncs, policy):
    images = pictures(90, (12, 9, 3))
    expected = policy(images, np.random.default_rng(1))
    on_device = to_device(images, xp)
    syncs.clear()
    out = policy(on_device, np.random.default_rng(1))
    assert not syncs
    assert out.dtype == np.uint8 and out.shape == images.shape and out.flags.c_contiguous
    np.testing.assert_array_equal(to_host(out), expected)
    np.testing.assert_array_equal(images, pictures(90, (12, 9, 3)))  # the originals stay
    assert (policy(images, np.random.default_rng(2)) != expected).any()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_picture_gets_the_operations_that_it_drew(count):
    images = pictures(60, (12, 9, 3))
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


def marked(monkeypatch):
    """Operations that note their strengths and add 1, 2, .. to a picture."""
    seen = [[] for _ in range(14)]

    def operation(k, signed):
        return Operation(lambda p, s: (seen[k].extend(s), p + (k + 1))[1], 30, signed)

    table = {str(k): operation(k, k >= 7) for k in range(14)}
    monkeypatch.setattr(policies, "OPERATIONS", table)
    return seen


def test_operations_and_sides_come_up_equally_often(monkeypatch):
    seen = marked(monkeypatch)
    out = rand_augment(np.zeros((7000, 1, 1, 1), np.uint8), np.random.default_rng(0), 1, 9)
    shares = np.bincount(out.ravel(), minlength=15)[1:] / 7000
    np.testing.assert_allclose(shares, 1 / 14, rtol=0.2)
    assert all(set(strengths) == {9} for strengths in seen[:7])
    assert all(set(strengths) == {9, -9} for strengths in seen[7:])
    assert abs(np.mean(np.concatenate(seen[7:]) > 0) - 0.5) < 0.03


@pytest.mark.parametrize("wrong", [{"magnitude": 31}, {"magnitude": -1}, {"count": -1}])
def test_what_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        rand_augment(pictures(), np.random.default_rng(0), **wrong)


@pytest.mark.parametrize("channels", [2, 4])
def test_pictures_neither_grey_nor_coloured_are_refused(channels):
    with pytest.raises(ConfigError, match=f"1 or 3 channels.*got {channels}"):
        rand_augment(np.zeros((2, 4, 4, channels), np.uint8), np.random.default_rng(0))
