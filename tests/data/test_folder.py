"""Directories of images: both layouts, every image format, every kind of error."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest

from minivit import data
from minivit.data import image_files
from minivit.errors import BackendError, ConfigError, DataError

Image = pytest.importorskip("PIL.Image")


def write_image(path, colour=(10, 20, 30), size=(8, 8), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


@pytest.fixture
def split(tmp_path):
    """train/ and test/ with classes cat (red) and dog (green), two and one images each."""
    for part, count in (("train", 2), ("test", 1)):
        for name, colour in (("dog", (0, 255, 0)), ("cat", (255, 0, 0))):
            for i in range(count):
                write_image(tmp_path / "pets" / part / name / f"{i}.png", colour)
    return tmp_path / "pets"


def test_a_given_split(split):
    loaded = data.load(str(split), image_size=4)
    assert (loaded.name, loaded.classes) == ("pets", ("cat", "dog"))
    assert loaded.note.endswith("pets: each image is resized to 4 x 4 pixels (--image-size).")
    assert loaded.train_images.shape == (4, 4, 4, 3)
    assert loaded.train_labels.tolist() == [0, 0, 1, 1]
    assert loaded.test_labels.tolist() == [0, 1]
    assert loaded.train_labels.dtype == np.int64
    assert (loaded.train_images[0] == (255, 0, 0)).all()
    assert (loaded.test_images[1] == (0, 255, 0)).all()


def test_val_serves_as_test(split):
    (split / "test").rename(split / "val")
    assert len(data.load(str(split)).test_images) == 2
    (split / "val").rename(split / "other")
    with pytest.raises(DataError, match="neither test/ nor val/"):
        data.load(str(split))


def test_a_random_split_is_disjoint_complete_and_seeded(tmp_path):
    for name in ("train", "car"):  # "train" may be a class
        for i in range(10):
            write_image(tmp_path / name / f"{i}.png", (i, 0, 100 if name == "car" else 200))
    loaded = data.load(str(tmp_path), image_size=8)
    assert loaded.classes == ("car", "train")
    parts = []
    for images, labels, count in (
        (loaded.train_images, loaded.train_labels, 8),
        (loaded.test_images, loaded.test_labels, 2),
    ):
        assert np.bincount(labels).tolist() == [count, count]
        assert (images[:, 0, 0, 2] == np.where(labels == 0, 100, 200)).all()
        parts.append({(int(i), int(k)) for i, k in zip(images[:, 0, 0, 0], labels, strict=True)})
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == {(i, k) for i in range(10) for k in range(2)}
    again = data.load(str(tmp_path), image_size=8)
    assert np.array_equal(loaded.test_images, again.test_images)
    others = [data.load(str(tmp_path), image_size=8, seed=s).test_images for s in range(1, 5)]
    assert any(not np.array_equal(loaded.test_images, other) for other in others)


def test_hidden_files_are_skipped_and_others_counted(split):
    for name in (".DS_Store", "._0.png", "notes.txt"):
        (split / "train" / "cat" / name).write_bytes(b"x")
    (split / "train" / ".cache").mkdir()
    loaded = data.load(str(split))
    assert len(loaded.train_images) == 4
    assert loaded.note.endswith(": 1 file not named .png, .jpg, .jpeg, .webp, .bmp was left out.")


def test_directories_inside_a_class_are_said_to_be_left_out(split):
    for name in ("puppies", "old.png"):
        write_image(split / "train" / "dog" / name / "0.png")
    loaded = data.load(str(split))
    assert len(loaded.train_images) == 4
    line = "2 directories inside classes (dog/old.png) left out, with all images in it: images must"
    assert line in loaded.note and "not named" not in loaded.note
    (split / "train" / "bird").mkdir()
    (split / "train" / "dog" / "puppies").rename(split / "train" / "bird" / "puppies")
    with pytest.raises(DataError, match=r"bird has no images .*, only the directory puppies; exp"):
        data.load(str(split))


def test_animations_are_counted(split):
    assert "first frame" not in data.load(str(split)).note
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    for part, ending in (("train", "png"), ("test", "webp")):
        file = split / part / "dog" / f"9.{ending}"
        frames[0].save(file, save_all=True, append_images=frames[1:], lossless=True)
    note = data.load(str(split)).note
    assert note.endswith("pets: of 2 animations (9.png) only the first frame is used.")


def test_an_image_that_would_take_too_much_memory_is_refused(split, monkeypatch):
    large = write_image(split / "test" / "dog" / "9.png", size=(30, 20))
    monkeypatch.setattr(image_files.limits, "PIXELS", 600)
    data.load(str(split))
    monkeypatch.setattr(image_files.limits, "PIXELS", 599)
    with pytest.raises(DataError, match=r"9\.png .* 30 x 20 pixels, and at most 599 are read"):
        data.load(str(split))
    monkeypatch.setattr(image_files.limits, "IMAGE_FILE", large.stat().st_size - 1)
    with pytest.raises(DataError, match=r"9\.png cannot be read .*it has more than \d+ bytes"):
        data.load(str(split))


def test_empty_class(split):
    (split / "train" / "bird").mkdir()
    (split / "train" / "bird" / ".DS_Store").write_bytes(b"x")
    with pytest.raises(DataError, match=r"bird.* no images"):
        data.load(str(split))


def test_classes_that_differ(split):
    write_image(split / "test" / "bird" / "0.png")
    with pytest.raises(DataError, match=r"test has the class 'bird' and .*train has not"):
        data.load(str(split))


def test_a_single_class_and_none(tmp_path):
    with pytest.raises(DataError, match="no images"):
        data.load(str(tmp_path))
    for i in range(3):
        write_image(tmp_path / "cat" / f"{i}.png")
    with pytest.raises(DataError, match="single class"):
        data.load(str(tmp_path))
    write_image(tmp_path / "dog" / "0.png")
    with pytest.raises(DataError, match=r"dog has a single image"):
        data.load(str(tmp_path))


def test_unknown_name():
    with pytest.raises(ConfigError, match="did you mean 'cifar10'"):
        data.load("cifar-10")
    with pytest.raises(ConfigError, match="directory of images"):
        data.load("/no/such/directory")


def test_a_file_is_no_directory_of_images(tmp_path):
    (tmp_path / "cifar.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"is a file, .* --dataset cifar10 --data-dir .*cifar\.tar"):
        data.load(str(tmp_path / "cifar.tar.gz"))
    with pytest.raises(ConfigError, match="unknown data set ''"):
        data.load("")


def test_a_cifar_directory_is_recognised(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(b"")
    with pytest.raises(DataError, match="--dataset cifar10"):
        data.load(str(tmp_path))


def test_image_size_must_be_positive(split):
    with pytest.raises(ConfigError, match="image_size"):
        data.load(str(split), image_size=0)


def one(tmp_path, image, ending="png", size=4, **options):
    file = tmp_path / f"x.{ending}"
    image.save(file, **options)
    return image_files.read(file, size)


@pytest.mark.parametrize(
    ("mode", "colour", "ending", "expected"),
    [
        ("L", 77, "png", (77, 77, 77)),
        ("LA", (77, 0), "png", (77, 77, 77)),
        ("RGBA", (1, 2, 3, 0), "png", (1, 2, 3)),
        ("P", 0, "png", (0, 0, 0)),
        ("1", 1, "png", (255, 255, 255)),
        ("I;16", 0x8040, "png", (0x80, 0x80, 0x80)),
        ("RGB", (9, 8, 7), "bmp", (9, 8, 7)),
        ("L", 128, "jpg", (128, 128, 128)),
        ("CMYK", (0, 0, 0, 0), "jpg", (255, 255, 255)),
    ],
)
def test_every_kind_becomes_rgb(tmp_path, mode, colour, ending, expected):
    made = one(tmp_path, Image.new(mode, (6, 6), colour), ending)
    assert made.shape == (4, 4, 3) and made.dtype == np.uint8
    assert (made == expected).all()


def test_shorter_side_is_resized_and_the_middle_kept(tmp_path):
    stripes = np.zeros((8, 24, 3), np.uint8)
    stripes[:, 8:16, 1] = 200
    assert (one(tmp_path, Image.fromarray(stripes), size=8) == stripes[:, 8:16]).all()
    tall = one(tmp_path, Image.fromarray(stripes.transpose(1, 0, 2)), size=4)
    assert tall.shape == (4, 4, 3) and (abs(tall[1:3] - np.array([0.0, 200.0, 0.0])) < 20).all()


def test_exif_rotation_is_applied(tmp_path):
    half = np.zeros((16, 16, 3), np.uint8)
    half[:8] = 255  # the upper half is white
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    made = one(tmp_path, Image.fromarray(half), "png", size=16, exif=exif)
    assert (made[:8] == 0).all() and (made[8:] == 255).all()


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    made = one(tmp_path, frames[0], "png", save_all=True, append_images=frames[1:])
    assert (made == (255, 0, 0)).all()


def png_header(width, height):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bad_images():
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    return {
        "empty": b"",
        "text": b"hello",
        "svg": svg,
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "fits": b"SIMPLE  =                    T".ljust(2880),
        "gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,"
        b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
        "100k x 100k": png_header(100_000, 100_000),
        "96 megapixels": png_header(12_000, 8_000),
    }


@pytest.mark.parametrize("kind", bad_images())
def test_unreadable_images_are_named(split, kind):
    bad = split / "train" / "dog" / "9.png"
    bad.write_bytes(bad_images()[kind])
    with pytest.raises(DataError, match=r"dog/9\.png cannot be read") as caught:
        data.load(str(split))
    assert "\n" not in str(caught.value)
    if kind[0].isdigit():
        assert "decompression bomb" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_named_and_does_not_block(split):
    os.mkfifo(split / "train" / "dog" / "9.png")
    with pytest.raises(DataError, match=r"dog/9\.png cannot be read .*\(it is not a file\)"):
        data.load(str(split))


def test_an_image_that_is_gone_is_named_with_the_reason(split):
    (split / "train" / "dog" / "9.png").symlink_to(split / "nowhere.png")
    with pytest.raises(DataError, match=r"dog/9\.png cannot .*\(No such file or directory\)"):
        data.load(str(split))


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_truncated_image(split, ending):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    bad = split / "test" / "cat" / f"9.{ending}"
    Image.fromarray(noise).save(bad)
    bad.write_bytes(bad.read_bytes()[:-2000])
    with pytest.raises(DataError, match=rf"9\.{ending} cannot be read"):
        data.load(str(split))


def test_without_pillow_one_sentence_says_how_to_install_it(split, monkeypatch):
    """A BackendError, as for every other missing library: exit status 1."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(BackendError) as caught:
        data.load(str(split))
    assert str(caught.value) == f"reading the images in {split} needs Pillow: pip install pillow"
    assert not isinstance(caught.value, ConfigError)  # which ends with status 2
