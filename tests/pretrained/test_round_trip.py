"""A model that goes out and comes back is the model that went out: weights, sizes, numerics."""

import numpy as np
import pytest
from random_models import random_trained

from minivit import load, tree
from minivit.pretrained.export import export
from minivit.pretrained.importing import read

PLACES = {"timm": "new/timm.safetensors", "huggingface": "new", "authors": "a.npz"}


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("timm", {}),
        ("timm", {"pool": "mean"}),
        ("timm", {"gelu": "erf"}),
        ("huggingface", {}),
        ("huggingface", {"gelu": "erf", "norm_eps": 1e-12}),
        ("authors", {}),
        ("authors", {"pool": "mean"}),
        ("authors", {"stem": "R26/32", "patch_size": 32, "image_size": 32, "channels": 1}),
    ],
)
def test_what_goes_out_comes_back(tmp_path, name, sizes):
    if name != "authors":
        pytest.importorskip("safetensors", reason="it reads and writes this format")
    trained = random_trained(**sizes)
    files = export(trained, tmp_path / PLACES[name]).files
    known = {} if name != "authors" else {"mean": trained.mean, "std": trained.std}
    back = read(files[0], **known).trained
    assert back.config == trained.config
    ours, theirs = dict(tree.walk(trained.params)), dict(tree.walk(back.params))
    assert ours.keys() == theirs.keys()
    assert all(leaf.tobytes() == theirs[leaf_name].tobytes() for leaf_name, leaf in ours.items())
    np.testing.assert_allclose(back.mean, trained.mean, rtol=1e-6)
    np.testing.assert_allclose(back.std, trained.std, rtol=1e-6)
    if name != "authors":  # which holds no names
        assert back.classes == trained.classes
    back.save(tmp_path / "kept.npz")
    images = np.random.default_rng(0).integers(0, 256, (3, *_shape(trained)), np.uint8)
    kept = load(tmp_path / "kept.npz").outputs(images, workers=1)
    np.testing.assert_allclose(kept, trained.outputs(images, workers=1), rtol=1e-4, atol=1e-5)


def _shape(trained):
    c = trained.config
    return c.image_size, c.image_size, c.channels
