"""Images in memory at another size: the bytes that Pillow makes, and the data sets they are of."""

import numpy as np
import pytest

from minivit.data import Dataset
from minivit.data.resize import at_size, in_channels, resized
from minivit.data.sources import places
from minivit.errors import ConfigError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), np.uint8)


@pytest.mark.parametrize("size", [(12, 10), (24, 20), (9, 15), (5, 7), (48, 10), (12, 3), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_bytes_are_those_of_pillow(size, channels, monkeypatch):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is the oracle")
    monkeypatch.setattr("minivit.data.resize.CHUNK", 800)  # two images at once
    images = IMAGES[..., :channels]
    found = resized(images, size)
    assert found.dtype == np.uint8 and found.shape == (5, *size, channels)
    for got, image in zip(found, images, strict=True):
        plain = pillow.fromarray(image[..., 0] if channels == 1 else image)
        for half in ((size[1], 12), size[::-1]):  # by itself it begins with either axis
            plain = plain.resize(half, pillow.Resampling.BICUBIC)
        assert (got == np.asarray(plain).reshape(got.shape)).all()


def test_grey_is_that_of_pillow():
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is the oracle")
    grey = in_channels(IMAGES, 1)
    for got, image in zip(grey, IMAGES, strict=True):
        assert (got[..., 0] == np.asarray(pillow.fromarray(image).convert("L"))).all()
    assert (in_channels(grey, 3) == grey).all() and in_channels(grey, 3).shape == IMAGES.shape
    assert in_channels(IMAGES, 3) is IMAGES
    with pytest.raises(ConfigError, match="images of 3 channels cannot be made such of 4"):
        in_channels(IMAGES, 4)


def test_a_data_set_at_another_size():
    labels = np.arange(5) % 2
    data = Dataset("dots", ("a", "b"), IMAGES, labels, IMAGES[:2], labels[:2], note="it rained")
    other = at_size(data, (6, 5))
    assert other.train_images.shape == (5, 6, 5, 3) and other.test_images.shape == (2, 6, 5, 3)
    assert (other.train_labels == labels).all() and other.classes == data.classes
    assert other.note == "it rained\ndots: images resized from 12 x 10 to 6 x 5 pixels"


def test_targets_that_tell_of_pixels_would_be_wrong():
    with pytest.raises(ConfigError, match="places: its targets tell of pixels"):
        at_size(places.load(train=3, test=2), (48, 48))
