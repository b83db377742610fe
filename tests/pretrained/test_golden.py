"""Files as other programs write them, with the logits that these programs compute.

The files are made by make_golden.py. They hold random weights; see there.
"""

from pathlib import Path

import numpy as np
import pytest
from cases import needs_scipy

import minivit
from minivit.pretrained import importing

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = np.load(GOLDEN / "expected.npz")
DEIT = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]
FILES = {  # name of the case: (file, options, what must be in the Config and the Trained)
    "authors": ("authors.npz", {}, {"gelu": "tanh", "norm_eps": 1e-6, "pre_logits": 6}),
    "authors-new": ("authors-new.npz", {}, {"pre_logits": 0, "pool": "class"}),
    "authors-mean": ("authors-mean.npz", {}, {"pool": "mean"}),
    "bigvision": ("bigvision.npz", {}, {"pool": "class", "gelu": "tanh"}),
    "bigvision-scan": ("bigvision-scan.npz", {}, {"pool": "mean", "depth": 2}),
    "bigvision-sines": ("bigvision-sines.npz", {"image_size": 12}, {"pre_logits": 8}),
    "timm": ("timm", {}, {"gelu": "erf", "norm_eps": 1e-6, "crop": 0.875}),
    "timm-deit": ("timm-deit", {}, {"gelu": "tanh", "mean": DEIT[0], "std": DEIT[1]}),
    "timm-mean": ("timm-mean/model.safetensors", {}, {"pool": "mean", "gelu": "erf"}),
    "timm-fp16": ("timm-fp16.safetensors", {"heads": 2}, {"crop": 0.9, "mean": [0.5] * 3}),
    "huggingface": ("huggingface", {}, {"norm_eps": 1e-12, "gelu": "erf", "mean": DEIT[0]}),
    "huggingface-shards": ("huggingface-shards", {}, {"norm_eps": 1e-5, "gelu": "tanh"}),
    "huggingface-v5": ("huggingface-v5.safetensors", {"heads": 2}, {"norm_eps": 1e-12}),
}
NEEDS = {"bigvision-scan": ["ml_dtypes"], "huggingface-v5": ["safetensors", "ml_dtypes"]}


def loaded(case, **changes):
    """The golden file of a case as an Imported; the test is skipped without a package it needs."""
    file, options, _ = FILES[case]
    for package in NEEDS.get(case, [] if file.endswith(".npz") else ["safetensors"]):
        pytest.importorskip(package)
    return importing.read(GOLDEN / file, **{**options, **changes})


def images(size):
    return EXPECTED[f"images {size}"]


def close(trained, logits):
    """Within 1e-4 of the source's logits, relative to the largest."""
    got = trained.outputs(images(trained.config.image_size), workers=1)
    assert np.abs(got - logits).max() <= 1e-4 * np.abs(logits).max()


@needs_scipy
@pytest.mark.parametrize("case", FILES)
def test_logits_are_those_of_the_source(case):
    trained = loaded(case).trained
    for name, value in FILES[case][2].items():
        got = getattr(trained.config, name, None)
        got = getattr(trained, name) if got is None else got
        np.testing.assert_array_equal(got, np.float32(value) if name in ("mean", "std") else value)
    close(trained, EXPECTED[case])


@needs_scipy
@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("words", [" larger", " smaller"])
def test_logits_at_another_resolution_are_those_of_the_source(case, words):
    size = {" larger": 20, " smaller": 8}[words]
    imported = loaded(case, image_size=size)
    assert imported.trained.config.image_size == size
    close(imported.trained, EXPECTED[case + words])
    if case != "bigvision-sines":
        assert f"-> {size // 4} x {size // 4}" in imported.report.reshaped["position.pos"]


@needs_scipy
def test_what_is_saved_predicts_the_same(tmp_path):
    trained = loaded("authors").trained
    trained.save(tmp_path / "out.npz")
    again = minivit.load(tmp_path / "out.npz")
    assert again.about["imported"] == {"format": "authors", "file": "authors.npz"}
    np.testing.assert_array_equal(again.outputs(images(12)), trained.outputs(images(12)))


def test_class_names_and_the_package_s_door():
    pytest.importorskip("safetensors")
    trained = minivit.pretrained.load(GOLDEN / "huggingface")
    assert trained.classes == ("cat", "dog", "tench, Tinca tinca")
