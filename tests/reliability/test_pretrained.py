"""Weights of other programs: rows X01, X04, X06. X03, X05: tests/pretrained/test_golden.py."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cases import needs_scipy
from weights_files import GOLDEN, copied, logits, refused, safetensors_file, saved, timm_arrays

from minivit import CheckpointError
from minivit.pretrained import importing

EXPECTED = np.load(GOLDEN / "expected.npz")


@pytest.fixture
def whole():
    """The bytes of a sound file."""
    pytest.importorskip("safetensors")
    return (GOLDEN / "timm" / "model.safetensors").read_bytes()


def test_X01_cut_or_changed_safetensors(whole, tmp_path):
    path = tmp_path / "model.safetensors"
    contents = [b"", b"x", b"hello, this is no such file", b"<html>404</html>" * 100]
    contents += [whole[: len(whole) * tenth // 10] for tenth in range(1, 10)]
    contents += [whole[:-1], whole + b"x", whole[:8] + b"[" + whole[9:]]
    contents += [whole[:8][::-1] + whole[8:], b"\xff" * 8 + whole[8:]]  # other endianness; endless
    for content in contents:
        path.write_bytes(content)
        refused(path)


def test_X01_forged_headers(tmp_path):
    pytest.importorskip("safetensors")
    path, eight = tmp_path / "model.safetensors", b"12345678"

    def entry(*offsets, dtype="F32", shape=(1,)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    headers = [
        {"a": entry(0, 4), "b": entry(2, 6)},  # over each other
        {"a": entry(0, 4), "b": entry(0, 4)},
        {"a": entry(0, 4), "b": entry(5, 9)},  # with a gap
        {"a": entry(0, 4), "b": entry(8, 12)},  # outside
        {"a": entry(0, 4)},  # four bytes of nobody
        {"a": entry(0, 8)},  # too long for its shape
        {"a": entry(0, 8, shape=(-2,))},
        {"a": entry(0, 8, shape=(10**12,))},
        {"a": entry(0, 8, shape=(2**62, 4))},
        {"a": entry(0, 8, shape=[1] * 5000)},
        {"a": entry(8, 0, shape=(2,))},
        {"a": entry(0, 8, dtype="F31", shape=(2,))},
        {"a": {"dtype": "F32"}},
        {"a": 3},
        {"__metadata__": {"x": 3}},
        {},
        b'{"a":' * 50_000,
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}',
        b"{" + b" " * (5 << 20) + b"}",  # a header longer than is read
    ]
    for header in headers:
        refused(safetensors_file(path, header, eight))
    refused(safetensors_file(path, {}, length=2**63))


def test_X01_names_that_stand_there_twice(tmp_path, whole):
    """The last one counts, and then the first one's bytes belong to nobody."""
    path, length = tmp_path / "model.safetensors", int.from_bytes(whole[:8], "little")
    text, data = whole[8 : 8 + length].rstrip(), whole[8 + length :]
    again = {"dtype": "F32", "shape": [3], "data_offsets": [len(data), len(data) + 12]}
    twice = text[:-1] + b',"head.bias":' + json.dumps(again).encode() + b"}"
    refused(safetensors_file(path, twice, data + bytes(12)), "damaged")


@needs_scipy
def test_X01_number_formats_are_read_exactly_or_refused(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    arrays, path = timm_arrays(), tmp_path / "model.safetensors"
    for dtype in (np.float64, np.float16, ml_dtypes.bfloat16):
        stored = {name: array.astype(dtype) for name, array in arrays.items()}
        exact = {name: array.astype(np.float32) for name, array in stored.items()}
        got = logits(saved(path, stored), heads=2)
        np.testing.assert_array_equal(got, logits(saved(path, exact), heads=2))
    refused(saved(path, {**arrays, "head.bias": np.arange(3)}), "head.bias as I64", heads=2)
    for bad in (np.nan, np.inf):
        wrong = {**arrays, "norm.bias": np.full(8, bad, np.float32)}
        refused(saved(path, wrong), "not finite in norm.bias", heads=2)
    too_large = {name: array.astype(np.float64) * 1e300 for name, array in arrays.items()}
    refused(saved(path, too_large), "not finite", heads=2)


def test_X01_eight_bit_numbers_are_refused(tmp_path, whole):
    path, length = tmp_path / "model.safetensors", int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    header["more"] = {"dtype": "F8_E4M3", "shape": [3],
                      "data_offsets": [len(data), len(data) + 3]}  # fmt: skip
    refused(safetensors_file(path, header, data + b"123"), "unexpected 1: more", heads=2)


def test_X01_shards(tmp_path):
    pytest.importorskip("safetensors")
    directory = copied("huggingface-shards", tmp_path)
    index = directory / "model.safetensors.index.json"
    names, first = json.loads(index.read_text()), directory / "model-00001-of-00003.safetensors"

    def forged(changes):
        index.write_text(json.dumps({**names, "weight_map": {**names["weight_map"], **changes}}))

    for bad in ("../x.safetensors", "/etc/passwd", "a/b.safetensors", "C:x.safetensors", 3, None):
        forged({"classifier.bias": bad})
        refused(index, "weight_map")
    forged({"classifier.bias": "other.safetensors"})
    refused(index, "other.safetensors", "not beside it")
    forged({"classifier.bias": "model-00003-of-00003.safetensors"})
    refused(index, "'classifier.bias'", "it is not")
    for text in ("", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}', "[" * 100_000):
        index.write_text(text)
        refused(index)
    forged({})
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=f"{first.name} is damaged, or cut short"):
        importing.read(directory)


@needs_scipy
@pytest.mark.parametrize(
    ("case", "options", "eps", "gelu"),
    [
        ("authors.npz", {}, 1e-12, "erf"),
        ("timm", {}, 1e-12, "tanh"),
        ("huggingface", {}, 1e-6, "tanh"),
        ("huggingface-shards", {}, 1e-12, "erf"),
    ],
)
def test_X04_another_eps_or_gelu_than_the_source_s_would_be_seen(case, options, eps, gelu):
    if not case.endswith(".npz"):
        pytest.importorskip("safetensors")
    trained = importing.read(GOLDEN / case, **options).trained
    images, wanted = EXPECTED["images 12"], EXPECTED[case.removesuffix(".npz")]

    def error(**changes):
        other = replace(trained, config=replace(trained.config, **changes))
        return np.abs(other.outputs(images, workers=1) - wanted).max() / np.abs(wanted).max()

    assert error() <= 1e-4
    assert error(norm_eps=eps) > 1e-3
    assert error(gelu=gelu) > 1e-3


@needs_scipy
def test_X06_another_number_of_classes_makes_a_new_head_and_says_so():
    imported = importing.read(GOLDEN / "authors.npz", classes=5)
    trained, report = imported
    assert trained.config.classes == 5 and trained.config.pre_logits == 0 and not trained.classes
    assert not trained.params["head"]["w"].any() and trained.params["head"]["w"].shape == (8, 5)
    assert report.new == ["head.w", "head.b"] and "new         head.w, head.b" in report.text()
    left = ["head/bias", "head/kernel", "pre_logits/bias", "pre_logits/kernel"]
    assert sorted(report.unexpected) == left
    own = importing.read(GOLDEN / "authors.npz").trained
    images = EXPECTED["images 12"]
    np.testing.assert_array_equal(trained.features(images), own.features(images))
