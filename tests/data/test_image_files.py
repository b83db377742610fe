"""Image files: the crop of published models, grey models, and the files that paths name."""

import numpy as np
import pytest

from minivit.data import image_files
from minivit.errors import ConfigError, DataError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def noise(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


@pytest.mark.parametrize("crop", [0.75, 0.9])
def test_the_crop_is_a_resize_and_then_the_middle(noise, crop):
    """What `Resize(int(size / crop))` and `CenterCrop(size)` do, step by step."""
    large = int(24 / crop)
    margin = (large - 24) / 2
    assert margin == int(margin)  # else the two differ by half a pixel
    whole = Image.open(noise).resize((large, large), Image.Resampling.BICUBIC)
    middle = np.asarray(whole)[int(margin) :][:24, int(margin) :][:, :24]
    made = image_files.read(noise, 24, crop=crop)
    assert abs(made.astype(int) - middle).max() <= 1
    assert abs(made.astype(int) - image_files.read(noise, 24)).max() > 30


def test_a_model_of_one_channel_gets_grey_images(noise):
    with image_files.reading(noise, channels=1):
        grey = image_files.read(noise, 60, channels=1)
    assert grey.shape == (60, 60, 1) and grey.dtype == np.uint8
    assert (grey[..., 0] == np.asarray(Image.open(noise).convert("L"))).all()
    with pytest.raises(ConfigError, match="1 or 3 channels; the model takes 4"):
        with image_files.reading(noise, channels=4):
            pass


def test_pillow_does_not_warn_of_what_is_meant(tmp_path, recwarn):
    palette = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4), "P")
    palette.save(tmp_path / "palette.png", transparency=bytes(range(16)))
    with image_files.reading(tmp_path):
        image_files.read(tmp_path / "palette.png", 4)
    assert not [w for w in recwarn if "Palette images" in str(w.message)]


def test_the_files_that_paths_name(noise):
    home = noise.parent
    for name in ("b/c/1.JPG", "b/0.png", "b/.hidden.png", "b/.git/2.png", "b/notes.txt", "x.gif"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"")
    files, left_out = image_files.find([home / "x.gif", home / "b", home / "gone.png"])
    assert files == [home / "x.gif", home / "b/0.png", home / "b/c/1.JPG", home / "gone.png"]
    assert left_out == 1
    (home / "b/empty").mkdir()
    with pytest.raises(DataError, match=r"empty has no images \(.png"):
        image_files.find([home / "b/empty"])
