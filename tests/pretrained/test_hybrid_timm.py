"""The paper's hybrids against timm's: the same number of parameters, the same logits.

timm adds other numbers to variances than the authors do, so both add the same here.
"""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest

from minivit import Config, ViT, tree
from minivit.convolution import Chain, ResidualUnit, StandardisedConv
from minivit.pretrained.layouts import TIMM, places

torch = pytest.importorskip("torch", reason="the oracle needs it: pip install torch timm")
timm = pytest.importorskip("timm", reason="the oracle: pip install timm")
pytest.importorskip("scipy", reason="the exact (erf) GELU needs SciPy")

NAMES = {
    "R26+S/32": "vit_small_r26_s32_224",
    "R50+B/16": "vit_base_r50_s16_224",
    "R50+L/32": "vit_large_r50_s32_224",
}
FEW = 1e-30  # "nothing" where 0 is refused


@pytest.mark.parametrize("name", NAMES)
def test_as_many_parameters_as_timm_has(name):
    with torch.device("meta"):
        theirs = timm.create_model(NAMES[name], num_classes=1000)
    ours = tree.count(ViT(Config.variant(name)).init(None))
    assert ours == sum(leaf.numel() for leaf in theirs.parameters())


def without_eps(layer):
    """The layer whose standardised convolutions divide by std alone."""
    if isinstance(layer, StandardisedConv):
        return replace(layer, eps=0.0)
    if isinstance(layer, Chain):
        return Chain(tuple((name, without_eps(part)) for name, part in layer.layers))
    if isinstance(layer, ResidualUnit):
        layer = copy.copy(layer)
        for name in ("branch", "shortcut"):
            object.__setattr__(layer, name, without_eps(getattr(layer, name)))
    return layer


def timm_name(name):
    """timm's name for a parameter of the stem."""
    place = re.sub(r"^stem\.(conv|norm)\.", r"patch_embed.backbone.stem.\1.", name)
    if unit := re.match(r"stem\.stage(\d+)\.unit(\d+)\.(?:branch|(shortcut))\.(.*)", name):
        stage, number = int(unit[1]) - 1, int(unit[2]) - 1
        part = "downsample." * bool(unit[3]) + unit[4]
        place = f"patch_embed.backbone.stages.{stage}.blocks.{number}.{part}"
    start, _, leaf = place.rpartition(".")
    return f"{start}.{'bias' if leaf == 'beta' else 'weight'}"


@pytest.mark.parametrize("name", ["R26+S/32", "R50+B/16"])
def test_the_same_logits_as_timm(name):
    sizes = {"image_size": 64, "depth": 1, "classes": 7}
    model = ViT(Config.variant(name, gelu="erf", **sizes))
    model.parts["stem"] = without_eps(model.parts["stem"])
    theirs = timm.create_model(NAMES[name], img_size=64, depth=1, num_classes=7).double().eval()
    for part in theirs.modules():
        if "GroupNorm" in type(part).__name__:
            part.eps = 1e-6
        elif "StdConv" in type(part).__name__:
            part.eps = FEW
    rng = np.random.default_rng(0)

    def drawn(leaf):
        return rng.standard_normal(leaf.shape) * (0.3 if leaf.ndim == 1 else len(leaf) ** -0.5)

    params, stored = tree.map(drawn, model.init(None)), theirs.state_dict()
    c = model.config  # for timm's transformer the stem's map is the image
    of_map = {"image_size": 64 // c.stem_stride, "channels": c.map_channels, "patch_size": 1}
    plain = places(TIMM, replace(c, stem="none", **of_map))
    for leaf, value in tree.walk(params):
        if leaf.startswith("stem."):
            there = timm_name(leaf)
            if value.ndim == 2:
                c_out, c_in, side, _ = stored[there].shape
                value = value.reshape(side, side, c_in, c_out).transpose(3, 2, 0, 1)
        else:
            (there,), (value,) = plain[leaf].names, plain[leaf].write(value)
        stored[there] = torch.from_numpy(np.array(value, np.float64))
    theirs.load_state_dict(stored)
    images = rng.standard_normal((2, 64, 64, 3))
    with torch.no_grad():
        want = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    # `write` above rounds the transformer's weights to float32
    rounded = tree.map(lambda p: p.astype(np.float32).astype(np.float64), params)
    logits = model.predict({**rounded, "stem": params["stem"]}, images)
    np.testing.assert_allclose(logits, want, rtol=0, atol=1e-12)
