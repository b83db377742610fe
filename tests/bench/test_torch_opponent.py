"""The opponent in PyTorch is minivit's own model: by the same weights, the same logits."""

import numpy as np
import pytest
from cases import B, draw, redrawn, tiny

from minivit import ConfigError
from minivit.arrays import tree
from minivit.config import POOLS
from minivit.costs import parameters

torch = pytest.importorskip("torch", reason="PyTorch is the optional opponent: pip install torch")

from minivit.bench.torch_opponent import build  # noqa: E402

NAMES = {  # PyTorch's: ours
    "patch": "patch",
    "token": "class_token.cls",
    "position": "position.pos",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
    "qkv": "attn.qkv",
    "proj": "attn.proj",
    "score": "pool",
}


def our_leaf(name, ours):
    """The leaf of `ours`, {dotted name: leaf}, for PyTorch's parameter `name`, as it has it."""
    if name in ("token", "position"):
        leaf = ours.pop(NAMES[name], np.zeros((0, 8)))  # no class token: none of its numbers
        return leaf.reshape(1, -1, leaf.shape[-1])
    *path, kind = name.removeprefix("blocks.").split(".")
    block = f"block{path.pop(0)}." if name.startswith("blocks.") else ""
    part = ".".join(path)
    norm = part.rpartition(".")[2].startswith("norm")
    kind = {"weight": "gamma" if norm else "w", "bias": "beta" if norm else "b"}[kind]
    if part.startswith("stem."):
        leaf = ours.pop(f"{part}.{kind}")
        side = "conv" in part and kind == "w" and 3  # (3 * 3 * C_in, C_out) -> (C_out, C_in, 3, 3)
        return leaf.reshape(side, side, -1, leaf.shape[1]).transpose(3, 2, 0, 1) if side else leaf
    return ours.pop(f"{block}{NAMES.get(part, part)}.{kind}").T


@pytest.mark.parametrize("overlap", [0, 1, 3])
@pytest.mark.parametrize("pool", POOLS)
def test_the_same_weights_give_the_same_logits(pool, overlap):
    gelu = "tanh" if overlap else "erf"
    if gelu == "erf":
        pytest.importorskip("scipy", reason="the exact (erf) GELU needs SciPy")
    model = tiny(pool=pool, gelu=gelu, patch_overlap=overlap)
    params, images = redrawn(model), draw((B, 6, 6, 3))
    theirs, ours = build(torch, model.config).double(), dict(tree.walk(params))
    assert sum(leaf.numel() for leaf in theirs.parameters()) == parameters(model.config)
    with torch.no_grad():
        for name, leaf in theirs.named_parameters():
            leaf.copy_(torch.from_numpy(our_leaf(name, ours).copy()))
        logits = theirs(torch.from_numpy(images)).numpy()
    assert not ours  # every weight has its place
    np.testing.assert_allclose(logits, model.forward(params, images)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("patch_size", [4, 8])
def test_with_the_small_stem_too(patch_size):
    model = tiny(stem="small", patch_size=patch_size, image_size=16)
    params, images = redrawn(model), draw((B, 16, 16, 3))
    theirs, ours = build(torch, model.config).double(), dict(tree.walk(params))
    with torch.no_grad():
        for name, leaf in theirs.named_parameters():
            leaf.copy_(torch.from_numpy(our_leaf(name, ours).copy()))
        logits = theirs(torch.from_numpy(images)).numpy()
    assert not ours
    np.testing.assert_allclose(logits, model.forward(params, images)[0], rtol=0, atol=1e-12)
    with pytest.raises(ConfigError, match="no stem R50/16"):
        build(torch, tiny(stem="R50/16", patch_size=16, image_size=16).config)


@pytest.mark.parametrize("name", ["dropout", "drop_path", "patch_dropout"])
def test_what_it_cannot_do_is_said(name):
    sentence = f"has no {name}: compare a model with {name} 0.0; got 0.5"
    with pytest.raises(ConfigError, match=sentence):
        build(torch, tiny(**{name: 0.5}).config)
