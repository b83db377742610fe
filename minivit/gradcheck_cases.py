"""What `python -m minivit gradcheck` checks: every layer, small, with all sizes different.

B=2 images, T=5 tokens, D=6, three heads, M=7: two equal sizes would hide a mistaken axis, one token
would make every attention weight 1. To check a layer of your own, call
`minivit.gradcheck.check_layer(layer, x)`, or add it to LAYERS.
"""

from dataclasses import dataclass, replace

import numpy as np

from .arrays import tree
from .arrays.backend import to_device
from .arrays.keys import Key, generator
from .config import POOLS, Config
from .gradcheck import (
    LAYER_TOLERANCE,
    MODEL_TOLERANCE,
    Check,
    check_layer,
    check_loss,
    check_model,
    redraw,
)
from .layers import (
    Attention,
    ClassPool,
    ClassToken,
    CrossEntropy,
    Dropout,
    DropPath,
    Gelu,
    GeluErf,
    LayerNorm,
    Linear,
    MeanPool,
    Mlp,
    OverlappingPatches,
    PatchDropout,
    Patchify,
    PositionEmbedding,
    SequencePool,
    TransformerBlock,
)
from .vit import ViT

B, T, D, HEADS, M, C = 2, 5, 6, 3, 7, 4
DROPOUT = 0.3

# name: (layer, shape of its input)
LAYERS = {
    "Linear": (Linear(D, M), (B, T, D)),
    "Patchify": (Patchify(2), (B, 4, 6, 3)),
    "OverlappingPatches": (OverlappingPatches(2, 1), (B, 4, 6, 3)),
    "ClassToken": (ClassToken(D), (B, T, D)),
    "PositionEmbedding": (PositionEmbedding(T, D), (B, T, D)),
    "LayerNorm": (LayerNorm(D), (B, T, D)),
    "Attention": (Attention(D, HEADS), (B, T, D)),
    "Gelu": (Gelu(), (B, T, M)),
    "GeluErf": (GeluErf(), (B, T, M)),
    "Dropout": (Dropout(DROPOUT), (B, T, D)),
    "DropPath": (DropPath(DROPOUT), (B, T, D)),
    "PatchDropout": (PatchDropout(DROPOUT, prefix_tokens=1), (B, T, D)),
    "Mlp": (Mlp(D, M, DROPOUT), (B, T, D)),
    "TransformerBlock": (TransformerBlock(D, HEADS, M, DROPOUT, drop_path=DROPOUT), (B, T, D)),
    "ClassPool": (ClassPool(), (B, T, D)),
    "MeanPool": (MeanPool(), (B, T, D)),
    "SequencePool": (SequencePool(D), (B, T, D)),
}

# A whole model for each pooling; T=5 tokens with a class token, one fewer after patch dropout.
SIZES = {"image_size": 8, "patch_size": 4, "classes": C, "dim": D, "heads": HEADS, "mlp_dim": M}
MODEL = Config(**SIZES, depth=2, dropout=DROPOUT, drop_path=DROPOUT, patch_dropout=DROPOUT)

# Everything there is to check, in this order.
NAMES = (*LAYERS, "CrossEntropy", "ViT")


@dataclass(frozen=True)
class Row:
    """One leaf's check: whose it is, its shape, the verdict, and the error that is allowed."""

    layer: str
    shape: tuple
    check: Check
    tolerance: float = LAYER_TOLERANCE

    @property
    def ok(self):
        """Whether the gradient agrees with the differences."""
        return self.check.error <= self.tolerance


def check(name, xp=np, seed=0):
    """Check what NAMES calls `name`, inputs, parameters and masks drawn from `seed` -> list of Row.

    Raises BackendError when the layer needs a library that is missing, AssertionError when names
    or shapes of the gradients are not the parameters'.
    """
    if name == "CrossEntropy":
        return _loss_rows(xp, seed)
    if name == "ViT":
        return [row for pool in POOLS for row in _model_rows(pool, xp, seed)]
    layer, shape = LAYERS[name]
    rng = generator(seed, name)
    x, params = to_device(rng.standard_normal(shape), xp), _parameters(layer, rng, xp)
    checks = check_layer(layer, x, params, Key(seed), seed)
    return _rows(name, {"x": x, **dict(tree.walk(params))}, checks)


def _loss_rows(xp, seed):
    """The loss with every kind of target."""
    rng, rows = generator(seed, "CrossEntropy"), []
    targets = {
        "labels": (0.0, rng.integers(C, size=B)),
        "smoothed": (0.1, rng.integers(C, size=B)),
        "soft": (0.0, rng.dirichlet(np.ones(C), B)),
    }
    for kind, (smoothing, target) in targets.items():
        logits = to_device(rng.standard_normal((B, C)), xp)
        verdict = check_loss(CrossEntropy(smoothing), logits, to_device(target, xp))
        verdict = replace(verdict, leaf=f"logits, {kind}")
        rows += _rows("CrossEntropy", {verdict.leaf: logits}, [verdict])
    return rows


def _model_rows(pool, xp, seed):
    """The whole model through the loss, in random directions."""
    rng, model = generator(seed, "ViT"), ViT(replace(MODEL, pool=pool))
    images = to_device(rng.standard_normal((B, 8, 8, 3)), xp)
    labels = to_device(rng.integers(C, size=B), xp)
    params = _parameters(model, rng, xp)
    checks = check_model(model, CrossEntropy(0.1), params, images, labels, Key(seed), seed)
    leaves = {"images": images, **dict(tree.walk(params))}
    return _rows(f"ViT, {pool}", leaves, checks, MODEL_TOLERANCE)


def _parameters(layer, rng, xp):
    """Every parameter at random, of size 1/2.

    At size 1 some seeds saturate a block's softmax so sharply that the third derivative, which
    central differences leave out, comes near the tolerance.
    """
    return tree.map(lambda p: 0.5 * p, redraw(layer.init(None), rng, xp))


def _rows(name, leaves, checks, tolerance=LAYER_TOLERANCE):
    """Each check beside the shape of its leaf."""
    return [Row(name, leaves[check.leaf].shape, check, tolerance) for check in checks]
