"""The authors' own code takes the npz that `export` writes, and computes the same logits.

It is no package: clone github.com/google-research/vision_transformer, and name the clone in the
environment as VISION_TRANSFORMER. It also needs: pip install flax
"""

import importlib
import os
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from random_models import random_trained

from minivit import Config
from minivit.convolution import STEMS
from minivit.pretrained.export import export

flax = pytest.importorskip("flax", reason="the authors' code needs it: pip install flax")
CLONE = os.environ.get("VISION_TRANSFORMER")
if not CLONE:
    pytest.skip("VISION_TRANSFORMER names no clone of the authors' code", allow_module_level=True)


@pytest.fixture(scope="module")
def models_vit():
    """Their module; without their package's __init__, which imports the training as well."""
    package = ModuleType("vit_jax")
    package.__path__ = [os.path.join(CLONE, "vit_jax")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "vit_jax", package)
        yield importlib.import_module("vit_jax.models_vit")


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"pool": "mean"},
        {"pre_logits": 6},
        {"channels": 1, "pool": "mean", "pre_logits": 5},
        Config.variant("Ti/16").to_dict(),
        {"stem": "R26/32", "image_size": 96, "patch_size": 32},
        {"stem": "R50/16", "image_size": 64, "patch_size": 16, "pool": "mean"},
        {"stem": "R50/32", "image_size": 64, "patch_size": 32, "channels": 1},
    ],
)
def test_the_authors_code_takes_it(models_vit, tmp_path, sizes):
    import jax
    from flax.training.checkpoints import convert_pre_linen
    from flax.traverse_util import flatten_dict, unflatten_dict

    trained = random_trained(**sizes)
    c = trained.config
    export(trained, tmp_path / "authors.npz")
    side, units = c.patch_size // c.stem_stride, c.stem != "none" and STEMS[c.stem].units
    model = models_vit.VisionTransformer(
        num_classes=c.classes,
        patches=SimpleNamespace(size=(side, side)),
        resnet=SimpleNamespace(num_layers=units, width_factor=1) if units else None,
        transformer={"num_layers": c.depth, "num_heads": c.heads, "mlp_dim": c.mlp_dim},
        hidden_size=c.dim,
        representation_size=c.pre_logits or None,
        classifier={"class": "token", "mean": "gap"}[c.pool],
    )
    shape = (2, c.image_size, c.image_size, c.channels)
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    x = ((images / np.float32(255) - trained.mean) / trained.std).astype(np.float32)
    made = jax.eval_shape(lambda: model.init(jax.random.PRNGKey(0), x, train=False))["params"]
    with np.load(tmp_path / "authors.npz", allow_pickle=False) as file:  # as their `load` does it
        params = unflatten_dict({tuple(name.split("/")): file[name] for name in file})
    params = convert_pre_linen(params)
    want = {name: leaf.shape for name, leaf in flatten_dict(made).items()}
    assert {name: leaf.shape for name, leaf in flatten_dict(params).items()} == want
    with jax.default_matmul_precision("highest"):
        theirs = np.asarray(model.apply({"params": params}, x, train=False))
    ours = trained.outputs(images)
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(ours).max()
