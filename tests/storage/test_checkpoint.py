"""Checkpoints: a save is whole or not there, and nothing damaged, foreign or hostile is loaded."""

import io
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minivit
from minivit.errors import CheckpointError
from minivit.storage import checkpoint, npz

HERE = {**os.environ, "PYTHONPATH": str(Path(minivit.__file__).parents[1])}  # for children
UNSAFE = ("pickle", "unsafe", "trust", "allow_pickle", "max_header_size")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "model/block0.attn.qkv.w": rng.standard_normal((6, 18)).astype(np.float32),
        "model/head.b": np.zeros(10, np.float32),
        "optimizer/m": rng.standard_normal(40),
        "optimizer/step": np.array(7),
        "data/seen": np.array([True, False]),
        "half": rng.standard_normal(5).astype(np.float16),
        "empty": np.zeros((0, 3), np.float32),
    }


META = {"config": {"depth": 6, "sizes": (1, 2)}, "position": {"epoch": 3, "best": 0.1}}


@pytest.fixture
def file(tmp_path, arrays):
    path = tmp_path / "last.npz"
    checkpoint.save(path, arrays, META)
    return path


def same(loaded, wanted):
    assert loaded.keys() == wanted.keys()
    for name, array in wanted.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape, name
        assert loaded[name].tobytes() == array.tobytes(), name


def refused(path, *words, expected=None):
    """`load` must raise one line with the path and the words, and never advise unsafe loading."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path, expected)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text, text
    assert all(word in text for word in words), text
    assert not any(word in text.replace(str(path), "").lower() for word in UNSAFE), text
    return text


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(text, payload=b""):
    """An npy 1.0 member with this header text, whatever it claims."""
    text = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + payload


def repacked(path, method=zipfile.ZIP_STORED, tamper=None, **members):
    """`path` written anew with members (name -> npy bytes) changed or added.

    `tamper(archive)` may edit the zip's table of contents just before it is written.
    """
    with zipfile.ZipFile(path) as archive:
        old = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    old |= {name + ".npy": data for name, data in members.items()}
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for name, data in old.items():
            archive.writestr(name, data)
        if tamper:
            tamper(archive)


def edit_meta(path, edit):
    """Change the stored meta text; when `edit` is a dict, update it and sign it anew."""
    arrays, meta = checkpoint.load(path)
    if isinstance(edit, dict):
        meta |= edit
        meta["sha256"] = checkpoint._digest(arrays, meta)
        edit = json.dumps(meta).encode()
    repacked(path, __meta__=npy(np.frombuffer(edit, np.uint8)))


# Round trips


def test_what_goes_in_comes_out(file, arrays):
    loaded, meta = checkpoint.load(file)
    same(loaded, arrays)
    assert meta["config"] == {"depth": 6, "sizes": [1, 2]} and meta["position"] == META["position"]
    assert meta["format"] == "minivit checkpoint" and meta["format_version"] == 1
    assert set(meta["versions"]) == {"minivit", "numpy", "python"}
    assert checkpoint.read_meta(file) == meta
    for array in loaded.values():
        assert array.flags.c_contiguous and array.flags.writeable
    with np.load(file, allow_pickle=False) as archive:  # anyone's NumPy opens it
        same({name: archive[name] for name in archive.files if name != "__meta__"}, arrays)


def test_equal_content_gives_equal_files_and_a_loaded_one_can_be_saved(file, tmp_path):
    checkpoint.save(tmp_path / "again.npz", *checkpoint.load(file))
    assert (tmp_path / "again.npz").read_bytes() == file.read_bytes()


def test_meta_keys_become_text(file, arrays):
    checkpoint.save(file, arrays, {"rates": {10: 0.1, 2: 0.2}})
    assert checkpoint.load(file)[1]["rates"] == {"10": 0.1, "2": 0.2}


def test_any_memory_order_and_byte_order_is_saved_exactly(tmp_path):
    base = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    views = {
        "transposed": base.T,
        "strided": base[::2, ::3],
        "reversed": base[:, ::-1],
        "fortran": np.asfortranarray(base),
        "broadcast": np.broadcast_to(base[0], (3, 8)),
        "big": base.astype(">f4"),
        "zero.stride": np.broadcast_to(np.float32(0), (2, 2)),
    }
    checkpoint.save(tmp_path / "a.npz", views, {})
    loaded, _ = checkpoint.load(tmp_path / "a.npz")
    for name, view in views.items():
        np.testing.assert_array_equal(loaded[name], view)
        assert loaded[name].dtype.str == "<f4" and loaded[name].flags.c_contiguous


def test_odd_paths(tmp_path, arrays, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = "run [1] é *\u2009x/last.npz"  # the directory is made
    checkpoint.save(path, arrays, {})
    os.symlink(path, "link.npz")
    checkpoint.save("link.npz", arrays, {"second": True})
    assert os.path.islink("link.npz") and checkpoint.load(path)[1]["second"] is True


def test_a_file_compressed_by_someone_is_read(file, arrays):
    repacked(file, zipfile.ZIP_DEFLATED)
    same(checkpoint.load(file)[0], arrays)


# Saving: whole or not there

LOOP = """
import itertools, sys, numpy as np
from minivit.storage import checkpoint
for i in itertools.count():
    checkpoint.save(sys.argv[1], {"w": np.full(300_000, i, np.float32)}, {"i": i})
    if i == 0: print("ready", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_killed_at_any_moment_the_file_loads(tmp_path):
    path = tmp_path / "last.npz"
    for moment in (0.0, 0.003, 0.011, 0.026, 0.05):
        command = [sys.executable, "-c", LOOP, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=HERE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moment)
            child.send_signal(signal.SIGKILL)
        arrays, meta = checkpoint.load(path)
        assert (arrays["w"] == meta["i"]).all()
    checkpoint.save(path, {}, {})
    assert os.listdir(tmp_path) == ["last.npz"]


FULL_DISK = """
import resource, sys, numpy as np
from minivit.errors import CheckpointError
from minivit.storage import checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoint.save(sys.argv[1], {"w": np.ones(100_000)}, {})
except CheckpointError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_disk_full_keeps_the_old_file(file):
    before = file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, file],
        capture_output=True,
        text=True,
        env=HERE,
        check=True,
    )
    assert done.stdout.startswith(f"cannot write {file}: File too large;"), done.stdout
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert file.read_bytes() == before and os.listdir(file.parent) == ["last.npz"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_at_each_step_keeps_the_old_file(file, arrays, monkeypatch, step, error):
    before = file.read_bytes()

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises((CheckpointError, KeyboardInterrupt)) as caught:
            checkpoint.save(file, arrays, {"new": 1})
    assert caught.type is (CheckpointError if isinstance(error, OSError) else KeyboardInterrupt)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["last.npz"]


def test_places_that_cannot_be_written(file, tmp_path, arrays):
    with pytest.raises(CheckpointError, match="is a directory"):
        checkpoint.save(tmp_path, arrays, {})
    with pytest.raises(CheckpointError, match=r"last\.npz is not a directory"):
        checkpoint.save(file / "inner.npz", arrays, {})
    if os.name != "nt" and os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(CheckpointError, match="Permission denied"):
            checkpoint.save(tmp_path / "locked" / "last.npz", arrays, {})


@pytest.mark.parametrize("name", ["last.npz", "last[1].npz"])
def test_stale_temporary_files_are_removed_and_others_are_not(tmp_path, arrays, name):
    (tmp_path / f".minivit-{name}-0badc0de.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"")
    checkpoint.save(tmp_path / name, arrays, {})
    assert sorted(os.listdir(tmp_path)) == [name, "mine.tmp"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_do_not_replace_good_ones(file, arrays, bad):
    before = file.read_bytes()
    arrays["optimizer/m"][3] = arrays["half"][0] = bad
    with pytest.raises(CheckpointError, match=r"optimizer/m .*not finite"):
        checkpoint.save(file, arrays, {})
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "name, array, meta",
    [
        ("object", np.array([{}]), {}),
        ("text", np.array(["a"]), {}),
        ("complex", np.zeros(2, complex), {}),
        ("list", [1.0], {}),
        ("__meta__", np.zeros(2), {}),
        ("new\nline", np.zeros(2), {}),
        ("fine", np.zeros(2), {"best": float("nan")}),
        ("fine", np.zeros(2), {"path": object()}),
        ("fine", np.zeros(2), {"long": "x" * (1 << 20)}),
    ],
)
def test_what_cannot_be_stored_is_refused_before_writing(tmp_path, name, array, meta):
    with pytest.raises(CheckpointError, match="cannot write") as caught:
        checkpoint.save(tmp_path / "a.npz", {name: array}, meta)
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == []


# Loading: trusting nothing


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


def test_edited_numbers_are_found_though_the_zip_is_sound(file, arrays):
    repacked(file, **{"model/head.b": npy(np.ones(10, np.float32))})
    refused(file, "is damaged", "not what was saved")


def test_the_same_bytes_in_another_shape_or_dtype_are_found(file, arrays):
    whole, weights = file.read_bytes(), arrays["model/block0.attn.qkv.w"]
    for other in (weights.reshape(18, 6), weights.view(np.int32)):
        file.write_bytes(whole)
        repacked(file, **{"model/block0.attn.qkv.w": npy(other)})
        refused(file, "not what was saved")


def test_mixed_up_archives(file, tmp_path):
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


def test_bombs_and_boasts_allocate_nothing(file):
    """Neither a zip that unpacks to much nor a header that claims much costs memory."""
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
    boasts = [f"{{'descr': '<f4', 'fortran_order': False, 'shape': {claim}, }}" for claim in claims]
    cases = [{"boast": npy_header(text, b"1234")} for text in boasts]
    cases += [
        {"bomb": zeros, "method": zipfile.ZIP_DEFLATED},
        {"bomb": zeros, "method": zipfile.ZIP_DEFLATED, "tamper": small},
        {"bomb": npy_header(boasts[0]) + zeros, "method": zipfile.ZIP_DEFLATED, "tamper": small},
        {"__meta__": npy(np.full(2 << 20, 32, np.uint8))},
        {"model/head.b": npy(np.zeros(10, np.float32)) + b"x"},
        {"model/head.b": npy(np.zeros(10, np.float32))[:-1]},
    ]
    long = boasts[0] + " " * 20_000  # NumPy's own message advises to load it unsafely
    cases.append({"boast": npy_header(long)})
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


def test_a_newer_format_names_both_versions(file):
    edit_meta(file, {"format_version": 2, "versions": {"minivit": "9.8.7"}})
    refused(file, "made by minivit 9.8.7", "upgrade")


def test_unknown_meta_keys_are_handed_on(file):
    edit_meta(file, {"from the future": 1})
    assert checkpoint.load(file)[1]["from the future"] == 1


# Another model


def test_expected_arrays(file, arrays):
    expected = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    same(checkpoint.load(file, expected)[0], arrays)

    fewer = {name: expected[name] for name in expected if name != "half"}
    refused(file, "unexpected 1: half", expected=fewer)
    more = {**expected, **{f"model/block{i}.w": ((2,), "f4") for i in range(12)}}
    text = refused(file, "missing 12: model/block0.w", "model/block9.w and 2 more", expected=more)
    assert "block10" not in text
    other = {**expected, "half": ((6,), np.float16), "model/head.b": ((10,), np.float64)}
    refused(file, "half float16 (5,), expected float16 (6,)", expected=other)
    refused(file, "model/head.b float32 (10,), expected float64 (10,)", expected=other)


def test_another_model_is_refused_before_its_data_is_read(file, monkeypatch):
    read = []
    original = npz.Reader.read
    monkeypatch.setattr(npz.Reader, "read", lambda s, n: read.append(n) or original(s, n))
    refused(file, "another model", expected={})
    assert read == ["__meta__"]


def test_differences_are_readable():
    saved = {"model": {"depth": 6, "sizes": [1, 2], "pool": "mean"}, "lr": 1e-3, "old": 1}
    wanted = {"model": {"depth": 12, "sizes": (1, 2), "pool": "class"}, "lr": 1e-3, "new": None}
    assert checkpoint.differences(saved, wanted) == [
        "model.depth: checkpoint 6, asked 12",
        "model.pool: checkpoint 'mean', asked 'class'",
        "new: not in the checkpoint, asked None",
        "old: checkpoint 1, not asked for",
    ]
    assert checkpoint.differences(saved, saved) == []


# best.npz


@pytest.mark.parametrize("linked", [True, False])
def test_copy_stays_when_the_source_moves_on(file, arrays, monkeypatch, linked):
    def no_links(*_):
        raise OSError("this file system has none")

    if not linked:
        monkeypatch.setattr(os, "link", no_links)
    best, first = file.parent / "best.npz", file.read_bytes()
    for _ in range(2):  # again onto itself: nothing changes, nothing is left lying about
        checkpoint.copy(file, best)
        assert best.read_bytes() == first and best.samefile(file) == linked
        assert sorted(os.listdir(file.parent)) == ["best.npz", "last.npz"]
    checkpoint.save(file, arrays, {"later": 1})
    assert best.read_bytes() == first != file.read_bytes()
    checkpoint.copy(file, best)
    assert checkpoint.load(best)[1]["later"] == 1
    assert sorted(os.listdir(file.parent)) == ["best.npz", "last.npz"]


def test_copy_of_nothing(file):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoint.copy(file.parent / "none.npz", file)
    checkpoint.load(file)
