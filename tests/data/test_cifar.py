"""CIFAR in both releases, from directories and archives, complete and damaged in every way."""

import dataclasses
import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest

from minivit import data
from minivit.data.sources import archive, cifar, pickles, published
from minivit.errors import DataError

N = 20  # images a file in these tests
RELEASES = {release.folder: release for release in published.RELEASES}
BINARY, PYTHON = RELEASES["cifar-10-batches-bin"], RELEASES["cifar-10-batches-py"]


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setattr(cifar, "IMAGES_PER_FILE", N)


def pixels_and_labels(release, seed=0):
    """{file: (pixels (n, 3072) uint8, labels: list)}, each class equally often."""
    rng, made = np.random.default_rng(seed), {}
    classes = 10 if release.dataset == "cifar10" else 100
    for index, file in enumerate(release.files):
        n = 5 * N if release.dataset == "cifar100" and index == 0 else N
        pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        made[file] = pixels, [i % classes for i in range(n)]
    return made


def python2_string(raw):
    return b"T" + struct.pack("<i", len(raw)) + raw  # BINSTRING


def python2_pickle(pixels, labels, key=b"labels"):
    """The opcodes that pickle and NumPy wrote under Python 2, protocol 2."""
    integers = b"".join(b"K" + bytes([label]) for label in labels)
    data_type = (
        b"cnumpy\ndtype\n" + python2_string(b"u1") + b"K\x00K\x01\x87R"
        b"(K\x03" + python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        + python2_string(b"b")
        + b"\x87R(K\x01"
        + b"".join(b"J" + struct.pack("<i", side) for side in pixels.shape)
        + b"\x86"
        + data_type
        + b"\x89"
        + python2_string(pixels.tobytes())
        + b"tb"
    )
    entries = python2_string(key) + b"](" + integers + b"e" + python2_string(b"data") + array
    return b"\x80\x02}(" + entries + b"u."


def blobs(release, seed=0):
    """{file: bytes} of a small data set in the given release."""
    result = {}
    for file, (pixels, labels) in pixels_and_labels(release, seed).items():
        if release.label_bytes:
            fine = np.array(labels, np.uint8)[:, None]
            coarse = [fine // 5] if release.label_bytes == 2 else []
            result[file] = np.hstack([*coarse, fine, pixels]).tobytes()
        else:
            key = b"labels" if release.dataset == "cifar10" else b"fine_labels"
            result[file] = python2_pickle(pixels, labels, key)
    return result


def directory(parent, release, files=None):
    folder = parent / release.folder
    folder.mkdir(parents=True)
    for file, blob in (files or blobs(release)).items():
        (folder / file).write_bytes(blob)
    return folder


def member(name, blob=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(blob)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, blob


def tar(path, members):
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for info, blob in members:
            file.addfile(info, io.BytesIO(blob))
    return path


def members_of(release, files=None):
    return [member(f"{release.folder}/{f}", blob) for f, blob in (files or blobs(release)).items()]


def same(a, b):
    parts = ("train_images", "train_labels", "test_images", "test_labels")
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in parts)


@pytest.mark.parametrize("release", published.RELEASES, ids=lambda release: release.folder)
def test_every_release_gives_the_same_pixels_from_every_place(tmp_path, release):
    folder = directory(tmp_path / "a", release)
    (tmp_path / "b").mkdir()
    packed = tar(tmp_path / "b" / release.archive, members_of(release))
    sets = [
        data.load(release.dataset, place)
        for place in (tmp_path / "a", folder, tmp_path / "b", packed, str(packed))
    ]
    first = sets[0]
    assert all(same(first, other) for other in sets)
    expected = pixels_and_labels(release)
    pixels, labels = expected[release.test]
    assert np.array_equal(first.test_images, pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert first.test_labels.tolist() == labels
    pixels = np.concatenate([expected[file][0] for file in release.train])
    assert np.array_equal(first.train_images, pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert first.train_images.shape == (5 * N, 32, 32, 3)
    assert len(first.classes) == (10 if release.dataset == "cifar10" else 100)
    assert "not the published" in first.note and "\n" not in first.note


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_binary_and_python_releases_are_equal(tmp_path, name):
    releases = [release for release in published.RELEASES if release.dataset == name]
    a, b = (data.load(name, directory(tmp_path, release)) for release in releases)
    assert same(a, b)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickle_written_by_todays_numpy(tmp_path, protocol):
    files = blobs(PYTHON)
    pixels, labels = pixels_and_labels(PYTHON)["test_batch"]
    batch = {"data": np.asfortranarray(pixels), "labels": labels}
    files["test_batch"] = pickle.dumps(batch, protocol=protocol)
    folder = directory(tmp_path, PYTHON, files)
    if protocol == 2:  # its bytes are written as a call to _codecs.encode, which is refused
        with pytest.raises(DataError, match="_codecs"):
            data.load("cifar10", folder)
        return
    loaded = data.load("cifar10", folder)
    assert np.array_equal(loaded.test_images, pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


class Touch:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_name_in_a_pickle_cannot_break_the_line():
    blob = pickle.dumps({"data": 1}, protocol=2)[:2] + b"\x8c\x01a\x8c\x05b\nc\x1b[\x93."
    with pytest.raises(DataError, match=r"it asks for a\.b\?c\?\[\.$"):
        pickles.read(blob, 2, "labels", "batch")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_does_nothing(tmp_path, protocol):
    target = tmp_path / "pwned"
    evil = pickle.dumps({"data": Touch(target), "labels": [0] * N}, protocol=protocol)
    padded = evil.ljust(3072 * N)  # so that its size does not give it away
    folder = directory(tmp_path, PYTHON, blobs(PYTHON) | {"data_batch_1": padded})
    with pytest.raises(DataError, match=r"data_batch_1.*was not run"):
        data.load("cifar10", folder)
    assert not target.exists()
    pickle.loads(evil)  # the attack itself is real
    assert target.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"cposix\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x02\x82\x01.",  # an extension code
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.",  # NumPy, but another name
        b"cnumpy.core.multiarray\nscalar\n.",
        b"cnumpy\nndarray\n}b.",  # BUILD on the class itself
        b"<html>404</html>",
        b"",
        b"\x80\x02]\x94.",  # a list
    ],
)
def test_odd_pickles_are_refused(stream):
    with pytest.raises(DataError, match="the file"):
        pickles.read(stream, N, "labels", "the file")


def damaged_batches():
    pixels, labels = pixels_and_labels(PYTHON)["data_batch_1"]
    big = np.zeros((N, 3073), np.uint8)
    return {
        "no labels": ({"data": pixels, "filenames": []}, "labels"),
        "no data": ({"labels": labels, "other": bytes(3072 * N)}, "data"),
        "shape": ({"data": big, "labels": labels}, "shape"),
        "type": ({"data": pixels.view(np.int8), "labels": labels}, "uint8"),
        "too few labels": ({"data": pixels, "labels": labels[:-1]}, "integers"),
        "text labels": ({"data": pixels, "labels": ["a"] * N}, "integers"),
        "array for labels": ({"data": pixels, "labels": np.array(labels)}, "integers"),
        "label 10": ({"data": pixels, "labels": [*labels[:7], 10, *labels[8:]]}, "image 7"),
        "label -1": ({"data": pixels, "labels": [*labels[:7], -1, *labels[8:]]}, "image 7"),
        "label 2^80": ({"data": pixels, "labels": [*labels[:7], 2**80, *labels[8:]]}, "image 7"),
    }


@pytest.mark.parametrize("case", damaged_batches())
def test_damaged_batches(tmp_path, case):
    batch, message = damaged_batches()[case]
    blob = pickle.dumps(batch, protocol=4)
    folder = directory(tmp_path, PYTHON, blobs(PYTHON) | {"data_batch_1": blob})
    with pytest.raises(DataError, match=f"data_batch_1.*{message}"):
        data.load("cifar10", folder)


def test_truncated_pickle(tmp_path):
    files = blobs(PYTHON)
    files["test_batch"] = files["test_batch"][:-1]
    with pytest.raises(DataError, match="test_batch"):
        data.load("cifar10", directory(tmp_path, PYTHON, files))


@pytest.mark.parametrize("cut", [1, 3073, 10_000])
def test_truncated_binary_file(tmp_path, cut):
    files = blobs(BINARY)
    files["data_batch_3.bin"] = files["data_batch_3.bin"][:-cut]
    with pytest.raises(DataError, match=r"data_batch_3\.bin has .* exactly"):
        data.load("cifar10", directory(tmp_path, BINARY, files))


@pytest.mark.parametrize("label", [10, 255])
def test_label_out_of_range_names_file_and_image(tmp_path, label):
    files = blobs(BINARY)
    damaged = bytearray(files["data_batch_2.bin"])
    damaged[3073 * 7] = label
    files["data_batch_2.bin"] = bytes(damaged)
    message = rf"data_batch_2\.bin: image 7 has label {label}"
    with pytest.raises(DataError, match=message):
        data.load("cifar10", directory(tmp_path, BINARY, files))


@pytest.mark.parametrize(("byte", "kind"), [(0, "coarse label"), (1, "label")])
def test_cifar100_labels_are_checked(tmp_path, byte, kind):
    release = RELEASES["cifar-100-binary"]
    files = blobs(release)
    damaged = bytearray(files["test.bin"])
    damaged[3074 * 3 + byte] = 100
    files["test.bin"] = bytes(damaged)
    with pytest.raises(DataError, match=f"image 3 has {kind} 100"):
        data.load("cifar100", directory(tmp_path, release, files))


def test_missing_file_in_directory(tmp_path):
    files = blobs(BINARY)
    del files["test_batch.bin"]
    with pytest.raises(DataError, match=r"test_batch\.bin is missing"):
        data.load("cifar10", directory(tmp_path, BINARY, files))


def test_published_bytes_have_no_note_and_unequal_classes_have_one(tmp_path, monkeypatch):
    files = blobs(BINARY)
    folder = directory(tmp_path, BINARY, files)
    packed = tar(tmp_path / "any.tar.gz", members_of(BINARY, files))
    digests = {
        file: hashlib.sha1(blob, usedforsecurity=False).hexdigest() for file, blob in files.items()
    }
    by_file = dataclasses.replace(BINARY, digests=digests)
    monkeypatch.setattr(cifar, "RELEASES", (by_file,))
    assert data.load("cifar10", folder).note == ""
    assert data.load("cifar10", packed).note == ""  # another archive, but each file is as published

    sha256 = hashlib.sha256(packed.read_bytes()).hexdigest()
    release = dataclasses.replace(BINARY, size=packed.stat().st_size, sha256=sha256)
    monkeypatch.setattr(cifar, "RELEASES", (release,))
    assert data.load("cifar10", packed).note == ""
    assert "not the published" in data.load("cifar10", folder).note

    monkeypatch.setattr(cifar, "RELEASES", (by_file,))
    damaged = bytearray(files["data_batch_1.bin"])
    damaged[0] = 1
    (folder / "data_batch_1.bin").write_bytes(damaged)
    assert "not equally frequent" in data.load("cifar10", folder).note


def test_harmless_and_hostile_extra_members_are_ignored(tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "in"
    inside.mkdir()
    folder = BINARY.folder
    extra = [
        member("../outside", b"x"),
        member(str(outside), b"x"),
        member(f"{folder}/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member(f"{folder}/hard", type=tarfile.LNKTYPE, linkname="../../outside"),
        member(f"{folder}/fifo", type=tarfile.FIFOTYPE),
        member(f"{folder}/._data_batch_1.bin", b"mac"),
        member(f"elsewhere/{folder}/data_batch_1.bin", b"not this one"),
        member(f"{folder}/../data_batch_1.bin", b"nor this one"),
    ]
    packed = tar(inside / "x.tar.gz", extra + members_of(BINARY))
    assert len(data.load("cifar10", packed).train_images) == 5 * N
    assert not outside.exists()
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "x.tar.gz"]


def spoil(case):
    good = dict(zip(BINARY.files, members_of(BINARY), strict=True))
    name = f"{BINARY.folder}/data_batch_2.bin"
    match case:
        case "symbolic link":
            good["data_batch_2.bin"] = member(name, type=tarfile.SYMTYPE, linkname="test_batch.bin")
        case "hard link":
            good["data_batch_2.bin"] = member(
                name, type=tarfile.LNKTYPE, linkname=f"{BINARY.folder}/test_batch.bin"
            )
        case "missing":
            del good["data_batch_2.bin"]
        case "twice":
            good["again"] = good["data_batch_2.bin"]
        case "too small":
            good["data_batch_2.bin"] = member(name, b"tiny")
        case "bomb":
            good["data_batch_2.bin"] = member(name, bytes(40_000_000))
    return list(good.values())


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("symbolic link", "not a regular file"),
        ("hard link", "not a regular file"),
        ("missing", "lacks"),
        ("twice", "more than once"),
        ("too small", "has 4 bytes"),
        ("bomb", "has 40,000,000 bytes"),
    ],
)
def test_wrong_members_are_named(tmp_path, case, reason):
    packed = tar(tmp_path / "cifar-10-binary.tar.gz", spoil(case))
    for place in (tmp_path, packed):
        with pytest.raises(DataError, match=reason) as caught:
            data.load("cifar10", place)
        assert "data_batch_2.bin" in str(caught.value)


def test_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    packed = tar(tmp_path / "x.tar.gz", spoil("bomb"))
    taken = []
    read = cifar.archive.tar.Archive.read
    monkeypatch.setattr(
        cifar.archive.tar.Archive,
        "read",
        lambda self: taken.append(self.member.size) or read(self),
    )
    with pytest.raises(DataError, match="40,000,000 bytes"):
        data.load("cifar10", packed)
    assert taken == [3073 * N]


def cut_half(raw):
    return raw[: len(raw) // 2]


def cut_end(raw):
    return raw[:-4]


def flip_bit(raw):
    return raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :]


def add_junk(raw):
    return raw + b"junk"


def web_page(raw):
    return b"<html>not found</html>"


def nothing(raw):
    return b""


@pytest.mark.parametrize("damage", [cut_half, cut_end, flip_bit, add_junk, web_page, nothing])
@pytest.mark.parametrize("name", ["auto", "cifar10"])
def test_damaged_archives(tmp_path, damage, name):
    packed = tar(tmp_path / "cifar-10-binary.tar.gz", members_of(BINARY))
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz.*(damaged|bytes|lacks|holds)"):
        data.load(name, tmp_path)


@pytest.mark.parametrize("folder", ["cifar-100-binary", "cifar-100-python"])
def test_cifar100_for_cifar10_is_recognised(tmp_path, folder):
    release = RELEASES[folder]
    for place in (directory(tmp_path, release), tar(tmp_path / "x.tgz", members_of(release))):
        with pytest.raises(DataError, match="looks like CIFAR-100, not CIFAR-10"):
            data.load("cifar10", place)


def test_archive_of_something_else_and_absent_archive(tmp_path):
    packed = tar(tmp_path / "x.tar.gz", [member("readme.txt", b"hello")])
    with pytest.raises(DataError, match="none of CIFAR-10's files"):
        data.load("cifar10", packed)
    with pytest.raises(DataError, match="does not exist"):
        data.load("cifar10", tmp_path / "absent.tar.gz")


def test_environment_names_the_default_place(tmp_path, monkeypatch):
    directory(tmp_path, BINARY)
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path))
    assert data.load("auto").name == "cifar10"


def test_reads_from_a_directory_without_writing_to_it(tmp_path):
    folder = directory(tmp_path, BINARY)
    before = sorted(folder.iterdir())
    folder.chmod(0o555)
    data.load("cifar10", folder)
    folder.chmod(0o755)
    assert sorted(folder.iterdir()) == before


def test_member_names_are_exact(tmp_path):
    packed = tar(tmp_path / "x.tar", [member("a/TEST_BATCH.bin", b"12")])
    with pytest.raises(DataError, match=r"lacks test_batch\.bin"):
        list(archive.read(packed, "a", {"test_batch.bin": (2, 2)}))


def test_a_folder_with_nothing_in_it_does_not_hide_the_archive(tmp_path):
    (tmp_path / PYTHON.folder).mkdir()
    assert cifar.find("cifar10", tmp_path) is None
    (tmp_path / BINARY.archive).write_bytes(b"")
    assert cifar.find("cifar10", tmp_path) == tmp_path / BINARY.archive
