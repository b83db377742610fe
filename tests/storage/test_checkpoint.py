"""Checkpoints: what is saved is loaded, or it is refused with a reason."""

import os
import zipfile

import numpy as np
import pytest
from checkpoint_files import META, edit_meta, refused, repacked, same

from minivit.errors import CheckpointError
from minivit.storage import checkpoint, npz


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


def test_a_compressed_file_is_read(file, arrays):
    repacked(file, zipfile.ZIP_DEFLATED)
    same(checkpoint.load(file)[0], arrays)


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


def test_a_newer_format_names_both_versions(file):
    edit_meta(file, {"format_version": 2, "versions": {"minivit": "9.8.7"}})
    refused(file, "made by minivit 9.8.7", "upgrade")


def test_unknown_meta_keys_are_returned(file):
    edit_meta(file, {"from the future": 1})
    assert checkpoint.load(file)[1]["from the future"] == 1


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
