"""MNIST and Fashion-MNIST: IDX files, complete and damaged in every way, found and downloaded."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from minivit import DataError, data
from minivit.data.sources import cifar, download, idx, shapes
from minivit.data.sources.idx_published import SETS, TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS

FILES = tuple(SETS["mnist"].files)


def packed(array, kind=8):
    """The bytes of an IDX file."""
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, kind, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


def arrays(train=6, test=3, height=4, width=5):
    rng = np.random.default_rng(0)
    counts = {TRAIN_IMAGES: train, TEST_IMAGES: test}
    made = {}
    for file in FILES:
        count = train if file.startswith("train") else test
        images = rng.integers(0, 256, (count, height, width))
        made[file] = images if file in counts else rng.integers(0, 10, count)
    return made


def write(directory, zipped=True, **replaced):
    """Four small files in a directory; those in `replaced`, by name, have this content."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays().items():
        content = replaced.get(name, packed(array))
        if content is None:
            continue
        path = directory / f"{name}.gz" if zipped else directory / name
        path.write_bytes(gzip.compress(content) if zipped else content)
    return directory


@pytest.fixture(autouse=True)
def nothing_on_the_system(monkeypatch, tmp_path):
    monkeypatch.setattr(idx, "SYSTEM", tmp_path / "system")
    return tmp_path / "system"


@pytest.mark.parametrize("zipped", [True, False])
def test_four_files_are_a_data_set(tmp_path, zipped):
    loaded, content = data.load("mnist", write(tmp_path / "a", zipped)), arrays()
    assert (loaded.name, loaded.classes) == ("mnist", tuple("0123456789"))
    np.testing.assert_array_equal(loaded.train_images[..., 0], content[TRAIN_IMAGES])
    assert loaded.test_images.shape == (3, 4, 5, 1)
    np.testing.assert_array_equal(loaded.train_labels, content[TRAIN_LABELS])
    assert loaded.note == f"{tmp_path / 'a'} is complete, but not the published MNIST."


@pytest.mark.parametrize("place", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_where_the_files_may_be(tmp_path, place):
    write(tmp_path / place)
    loaded = data.load("fashion-mnist", tmp_path)
    assert loaded.classes[:2] == ("T-shirt/top", "trouser") and len(loaded.train_images) == 6


def test_the_systems_own_files_are_found(tmp_path, nothing_on_the_system):
    assert idx.find("fashion-mnist", tmp_path / "data") is None
    write(nothing_on_the_system / "fashion-mnist")
    assert idx.find("fashion-mnist", tmp_path / "data") == nothing_on_the_system / "fashion-mnist"
    assert idx.find("mnist", tmp_path / "data") is None


ZEROS = np.zeros(6)
DAMAGED = [
    (TRAIN_IMAGES, b"", "it ends in the middle"),
    (TRAIN_IMAGES, packed(arrays()[TRAIN_IMAGES])[:-1], "it ends in the middle"),
    (TRAIN_IMAGES, packed(arrays()[TRAIN_IMAGES]) + b"\0", "something follows its end"),
    (TRAIN_IMAGES, b"\x89PNG" + bytes(20), "it begins with 89 50 4e 47, and an IDX file of bytes"),
    (TRAIN_IMAGES, packed(ZEROS), "begins with 00 00 08 01, and an IDX file of bytes with 3 axes"),
    (TRAIN_IMAGES, packed(ZEROS.reshape(6, 1, 1), kind=13), "begins with 00 00 0d 03"),
    (TRAIN_IMAGES, packed(np.zeros((0, 4, 5))), "its header says 0 x 4 x 5 numbers"),
    (TRAIN_IMAGES, bytes([0, 0, 8, 3]) + b"\xff" * 12, "its header says 4294967295 x"),
    (TRAIN_LABELS, packed(np.zeros((6, 2))), "an IDX file of bytes with 1 axis with 00 00 08 01"),
    (TRAIN_LABELS, packed(np.zeros(5)), "has 5 labels for 6 images"),
    (TRAIN_LABELS, packed(np.array([0, 9, 10, 1, 1, 255])), "image 2 has label 10; valid are 0 to"),
    (TEST_IMAGES, packed(np.zeros((3, 4, 6))), "both must have the same size"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "content", "said"), DAMAGED)
@pytest.mark.parametrize("zipped", [True, False])
def test_damage_is_a_sentence(tmp_path, file, content, said, zipped):
    write(tmp_path, zipped, **{file: content})
    with pytest.raises(DataError) as raised:
        data.load("mnist", tmp_path)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert file in str(raised.value) or "same size" in said


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_gzip_file_that_is_cut_short_or_damaged(tmp_path, cut):
    file = write(tmp_path) / f"{TRAIN_IMAGES}.gz"
    content = file.read_bytes()
    file.write_bytes(content[:-cut])
    with pytest.raises(DataError, match=rf"{TRAIN_IMAGES}\.gz is damaged or no IDX file"):
        data.load("mnist", tmp_path)
    file.write_bytes(
        content[:-cut] + bytes([content[-cut] ^ 1]) + content[len(content) - cut + 1 :]
    )
    with pytest.raises(DataError, match=rf"{TRAIN_IMAGES}\.gz is damaged or no IDX file"):
        data.load("mnist", tmp_path)


def test_files_that_are_missing(tmp_path):
    write(tmp_path, **{TRAIN_LABELS: None})
    with pytest.raises(DataError, match=rf"lacks {TRAIN_LABELS}\.gz; MNIST has the four files"):
        data.load("mnist", tmp_path)
    with pytest.raises(DataError, match="is a file; name the directory of MNIST's four files"):
        data.load("mnist", tmp_path / f"{TRAIN_IMAGES}.gz")


def test_the_content_tells_the_two_apart(tmp_path, monkeypatch):
    digest = hashlib.sha256(packed(arrays()[TRAIN_IMAGES])).hexdigest()
    other = SETS["fashion-mnist"]
    file = other.files[TRAIN_IMAGES]._replace(unpacked=digest)
    known = other._replace(files={**other.files, TRAIN_IMAGES: file})
    monkeypatch.setitem(SETS, "fashion-mnist", known)
    write(tmp_path)
    with pytest.raises(DataError, match="holds Fashion-MNIST, not MNIST; use --dataset fashion-mn"):
        data.load("mnist", tmp_path)
    assert data.load("fashion-mnist", tmp_path).name == "fashion-mnist"


def test_a_directory_of_idx_files_is_no_directory_of_images(tmp_path):
    with pytest.raises(DataError, match="contains IDX files: use --dataset fashion-mnist --data-"):
        data.load(str(write(tmp_path / "files")))


def test_auto_takes_fashion_mnist_where_cifar_cannot_be_had(tmp_path, monkeypatch):
    def refuse(name, data_dir, say):
        raise download.DownloadError("CIFAR-10 is not there", "put it there")

    monkeypatch.setattr(cifar, "load", refuse)
    monkeypatch.setattr(shapes, "load", lambda seed: "shapes")
    said = []
    assert data.load("auto", tmp_path, said.append) == "shapes"
    write(tmp_path / "fashion-mnist")
    assert data.load("auto", tmp_path, said.append).name == "fashion-mnist"
    place = tmp_path / "fashion-mnist"
    assert said[1] == f"CIFAR-10 is not there: using Fashion-MNIST in {place} instead."
    (place / f"{TRAIN_IMAGES}.gz").write_bytes(b"no")
    with pytest.raises(DataError, match="is damaged"):  # not passed over in silence
        data.load("auto", tmp_path, said.append)


def test_missing_files_are_downloaded(tmp_path, monkeypatch):
    asked = []

    def fetch_file(title, urls, release_at, directory, say):
        file = release_at(urls[0])
        asked.append((title, urls[0]))
        write(directory)
        return directory / file.archive

    monkeypatch.setattr(download, "fetch_file", fetch_file)
    loaded = data.load("mnist", tmp_path / "data")
    assert len(loaded.test_images) == 3
    first = f"https://storage.googleapis.com/cvdf-datasets/mnist/{TRAIN_IMAGES}.gz"
    assert asked == [("MNIST", first)]  # the others were there by then
    assert data.load("mnist", tmp_path / "data").name == "mnist" and len(asked) == 1


def test_published_mirrors_are_https():
    for known in SETS.values():
        hosts = {mirror.split("/")[2] for mirror in known.mirrors}
        assert len(hosts) > 1 and all(m.startswith("https://") for m in known.mirrors)
        assert {len(f.sha256) for f in known.files.values()} == {64}
        assert len(known.classes) == 10


def test_the_reader_is_as_good_as_numpy(tmp_path):
    """Against a plain reading of the same bytes."""
    write(tmp_path, zipped=False)
    plain = np.frombuffer((tmp_path / TEST_IMAGES).read_bytes()[16:], np.uint8).reshape(3, 4, 5)
    np.testing.assert_array_equal(data.load("mnist", tmp_path).test_images[..., 0], plain)
