"""What an import takes: the model and one array of the file, not the file twice."""

import tracemalloc

import numpy as np
import pytest
from weights_files import saved

from minivit import Config, ViT
from minivit.arrays import tree
from minivit.pretrained import importing
from minivit.pretrained.layouts import AUTHORS, TIMM, places

CONFIG = Config(image_size=32, patch_size=8, dim=192, depth=4, heads=3, mlp_dim=768)


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_memory(kind, tmp_path):
    leaves = dict(tree.walk(ViT(CONFIG).init(None)))
    layout = AUTHORS if kind == "npz" else TIMM
    arrays = {
        there: array
        for name, place in places(layout, CONFIG).items()
        for there, array in zip(place.names, place.write(leaves[name]), strict=True)
    }
    path = tmp_path / f"weights.{kind}"
    if kind == "npz":
        np.savez(path, **arrays)
    else:
        pytest.importorskip("safetensors")
        saved(path, arrays)
    largest = max(array.nbytes for array in arrays.values())
    importing.read(path)  # modules are loaded now
    tracemalloc.start()
    try:
        trained = importing.read(path).trained
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert trained.config.depth == 4
    assert peak < path.stat().st_size + 2 * largest + (1 << 20)
