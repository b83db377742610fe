"""Loading trusts nothing: a damaged, forged or malicious file is refused and does no harm."""

import json
import os
import pickle
import random
import tracemalloc
import zipfile

import numpy as np
import pytest
from checkpoint_files import edit_meta, npy, npy_header, refused, repacked, same

from minivit.errors import CheckpointError
from minivit.storage import checkpoint, npz


def test_missing_and_not_regular(tmp_path):
    refused(tmp_path / "none.npz", "there is no checkpoint")
    refused(tmp_path, "is not a file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "is not a file")


def test_files_that_are_no_checkpoint(tmp_path, file):
    whole = file.read_bytes()
    contents = [b"", b"P", b"hello", b"<html>404</html>" * 100, pickle.dumps({"w": 1}), npy(whole)]
    contents += [whole[: len(whole) * tenth // 10] for tenth in range(1, 10)] + [whole[:-1]]
    contents += [whole + b"x", whole + bytes(1024), b"junk" + whole, b"PK\x03\x04" + whole]
    for i, content in enumerate(contents):
        path = tmp_path / f"{i}.npz"
        path.write_bytes(content)
        refused(path, *(["does not start as an npz"] if content and content[:2] != b"PK" else []))
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:  # as PyTorch writes it
        archive.writestr("archive/data.pkl", pickle.dumps({"w": 1}))
    refused(tmp_path / "model.pt", "is not a minivit checkpoint")
    np.savez(tmp_path / "other.npz", w=np.zeros(3))
    refused(tmp_path / "other.npz", "is not a minivit checkpoint")


def test_a_flipped_bit_never_gives_other_weights(file, arrays):
    whole, chance = file.read_bytes(), random.Random(0)
    meta, errors = checkpoint.read_meta(file), 0
    for _ in range(200):
        damaged, bit = bytearray(whole), chance.randrange(8 * len(whole))
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            loaded, read = checkpoint.load(file)
        except CheckpointError as error:
            errors += 1
            assert "\n" not in str(error)
        else:  # a bit that means nothing, such as one of a member's date
            same(loaded, arrays)
            assert read == meta
    assert errors > 100


def test_changed_numbers_are_found_in_an_undamaged_zip(file, arrays):
    repacked(file, **{"model/head.b": npy(np.ones(10, np.float32))})
    refused(file, "is damaged", "not what was saved")


def test_the_same_bytes_in_another_shape_or_dtype_are_found(file, arrays):
    whole, weights = file.read_bytes(), arrays["model/block0.attn.qkv.w"]
    for other in (weights.reshape(18, 6), weights.view(np.int32)):
        file.write_bytes(whole)
        repacked(file, **{"model/block0.attn.qkv.w": npy(other)})
        refused(file, "not what was saved")


def test_strange_archives(file, tmp_path):
    whole = file.read_bytes()

    def case(*words, **options):
        file.write_bytes(whole)
        repacked(file, **options)
        refused(file, *words)

    def each(field, value):
        return lambda archive: setattr(archive.filelist[-1], field, value)

    with pytest.warns(UserWarning, match="Duplicate"):
        twice = npy(np.zeros(3))
        case("twice", tamper=lambda archive: archive.writestr("empty.npy", twice))
    case("notes.txt", tamper=lambda archive: archive.writestr("notes.txt", b"hello"))
    case("not a minivit checkpoint", tamper=lambda archive: archive.writestr("a\nb.npy", b""))
    case("damaged", junk=b"no npy header")
    case("encrypted", tamper=each("flag_bits", 1))
    case("unknown method", tamper=each("compress_type", 99))
    case("damaged", tamper=each("CRC", 1))
    case("appended", tamper=lambda archive: setattr(archive, "comment", b"hi"))
    case("twice", tamper=lambda archive: archive.filelist.append(archive.filelist[-1]))
    case("not in the npy format 1.0", v2=b"\x93NUMPY\x02\x00" + bytes(100))


def test_too_many_members(tmp_path, monkeypatch, file):
    monkeypatch.setattr(npz, "MAX_MEMBERS", 5)
    refused(file, "at most 5")


class Trap:
    def __reduce__(self):
        return (os.mkdir, (self.place,))


def test_pickles_are_not_executed(file, tmp_path):
    trap = Trap()
    trap.place = str(tmp_path / "executed")
    repacked(file, evil=npy(np.array([trap], object), allow_pickle=True))
    refused(file, "evil", "never writes")
    file.write_bytes(pickle.dumps(trap))
    refused(file)
    assert not os.path.exists(trap.place)


def test_zip_bombs_and_headers_allocate_nothing(file):
    """A zip that unpacks to much and a header that states much are refused without memory."""
    whole, size = file.read_bytes(), 64 << 20
    zeros = npy(np.zeros(size, np.uint8))

    def small(archive):  # the table of contents says that the bomb is small
        archive.filelist[-1].file_size = 128

    claims = [
        "(1000000000000,)",
        "(4000000000,)",
        "(-1,)",
        "(-1, -1)",
        "(9223372036854775807, 9)",
        "(0, 10000000000000000000000)",
        "(" + "1, " * 65 + ")",
        "(" * 400,
        "(1, 2",
        "'a'",
    ]
    headers = [
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': {claim}, }}" for claim in claims
    ]
    cases = [{"false_header": npy_header(text, b"1234")} for text in headers]
    cases += [
        {"bomb": zeros, "method": zipfile.ZIP_DEFLATED},
        {"bomb": zeros, "method": zipfile.ZIP_DEFLATED, "tamper": small},
        {
            "bomb": npy_header(headers[0]) + zeros,
            "method": zipfile.ZIP_DEFLATED,
            "tamper": small,
        },
        {"__meta__": npy(np.full(2 << 20, 32, np.uint8))},
        {"model/head.b": npy(np.zeros(10, np.float32)) + b"x"},
        {"model/head.b": npy(np.zeros(10, np.float32))[:-1]},
    ]
    long = headers[0] + " " * 20_000  # NumPy's own message advises to load it unsafely
    cases.append({"false_header": npy_header(long)})
    for case in cases:
        file.write_bytes(whole)
        repacked(file, **case)
        tracemalloc.start()
        try:
            refused(file)
            assert tracemalloc.get_traced_memory()[1] < 2 << 20, case
        finally:
            tracemalloc.stop()


def test_too_little_memory_is_not_called_damage(file, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(np, "empty", no_memory)
    refused(file, "needs more memory")


def test_values_that_are_not_finite_are_refused_when_read(file, arrays):
    bad = np.array([1, np.nan], np.float32)
    repacked(file, **{"model/head.b": npy(bad)})
    refused(file, "model/head.b", "not finite")


@pytest.mark.parametrize(
    "array", [np.ones(3, ">f4"), np.asfortranarray(np.ones((2, 3))), np.ones(2, "c16")]
)
def test_foreign_layouts_are_refused(file, array):
    repacked(file, odd=npy(array))
    refused(file, "odd", "never writes")


def test_bad_meta(file):
    whole = file.read_bytes()
    nan = b'{"format": "minivit checkpoint", "format_version": 1, "best": NaN}'
    for text in (b"", b"{", b"\xff", b"[]", b"3", b'{"format": "x"}', nan):
        edit_meta(file, text)
        text = refused(file)
        with pytest.raises(CheckpointError) as caught:
            checkpoint.read_meta(file)
        assert str(caught.value) == text
        file.write_bytes(whole)
    for version in (0, -1, True, "1", None, 1.0):
        edit_meta(file, {"format_version": version})
        refused(file, "format version")
        file.write_bytes(whole)
    repacked(file, __meta__=npy(np.ones((2, 2))))
    refused(file, "meta data")
    file.write_bytes(whole)
    edit_meta(file, json.dumps(checkpoint.read_meta(file)).encode())  # no hash
    refused(file, "not what was saved")
