"""What the layer tests share: every layer once, at sizes that are all different, and helpers.

Equal sizes hide mistakes: with T = D a matrix that should be transposed still fits. So B = 4
images, T = 5 tokens, width D = 6, 3 heads of K = 2, an MLP of M = 7, 6 patches of 3 x 3 x 2.
"""

import importlib.util

import numpy as np
import pytest

from minivit import Config, Key, ViT, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.layers import (
    Attention,
    ClassPool,
    ClassToken,
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

B, T, D, HEADS, M = 4, 5, 6, 3, 7
KEY = Key(seed=3, step=2, first=1)

LAYERS = {  # name: (layer, shape of its input)
    "Linear": (Linear(D, M), (B, T, D)),
    "Linear of rows": (Linear(D, M, zero=True), (B, D)),
    "Patchify": (Patchify(3), (B, 6, 9, 2)),
    "OverlappingPatches": (OverlappingPatches(3, 2), (B, 6, 9, 2)),
    "ClassToken": (ClassToken(D), (B, T, D)),
    "PositionEmbedding": (PositionEmbedding(T, D), (B, T, D)),
    "LayerNorm": (LayerNorm(D), (B, T, D)),
    "Attention": (Attention(D, HEADS), (B, T, D)),
    "Gelu": (Gelu(), (B, T, M)),
    "GeluErf": (GeluErf(), (B, T, M)),
    "Dropout": (Dropout(0.3), (B, T, D)),
    "Dropout of nothing": (Dropout(0.0), (B, T, D)),
    "DropPath": (DropPath(0.5), (B, T, D)),
    "DropPath of nothing": (DropPath(0.0), (B, T, D)),
    "PatchDropout": (PatchDropout(0.4), (B, T, D)),
    "PatchDropout with a class token": (PatchDropout(0.5, prefix_tokens=1), (B, T, D)),
    "Mlp": (Mlp(D, M), (B, T, D)),
    "Mlp with dropout": (Mlp(D, M, 0.3), (B, T, D)),
    "TransformerBlock": (TransformerBlock(D, HEADS, M), (B, T, D)),
    "TransformerBlock with dropout": (TransformerBlock(D, HEADS, M, 0.3), (B, T, D)),
    "TransformerBlock of GeluErf": (TransformerBlock(D, HEADS, M, 0.3, GeluErf()), (B, T, D)),
    "TransformerBlock with drop path": (
        TransformerBlock(D, HEADS, M, 0.3, drop_path=0.5),
        (B, T, D),
    ),
    "ClassPool": (ClassPool(), (B, T, D)),
    "MeanPool": (MeanPool(), (B, T, D)),
    "SequencePool": (SequencePool(D), (B, T, D)),
}
COMPOSITES = ("Attention", "Mlp with dropout", "TransformerBlock with drop path")

needs_scipy = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None,
    reason="the exact (erf) GELU needs SciPy: pip install scipy",
)
every_layer = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=needs_scipy) if "Erf" in n else n for n in LAYERS],
)


def draw(shape, xp=np, seed=0, dtype=np.float64):
    """Standard normal numbers, drawn on the host whatever the library."""
    return to_device(np.random.default_rng(seed).standard_normal(shape).astype(dtype), xp)


def redrawn(layer, xp=np, seed=1, dtype=np.float64):
    """Parameters of a layer or a model, all drawn anew: no gamma is 1 and no head is 0."""
    params = gradcheck.redraw(layer.init(None), np.random.default_rng(seed))
    return tree.map(lambda p: to_device(p.astype(dtype), xp), params)


def build(name, xp=np, dtype=np.float64):
    """A layer of the list, its parameters and an input: (layer, params, x)."""
    layer, shape = LAYERS[name]
    return layer, redrawn(layer, xp, dtype=dtype), draw(shape, xp, dtype=dtype)


def tiny(**changes):
    """A ViT that is a model in everything but size: 9 patches of 2 x 2 x 3, two blocks."""
    sizes = {"image_size": 6, "patch_size": 2, "channels": 3, "classes": 10}
    width = {"dim": 8, "depth": 2, "heads": 4, "mlp_dim": 7}
    return ViT(Config(**{**sizes, **width, **changes}))


def run(layer, params, x, xp, key=None):
    """The layer's output for host arrays, as a host array."""
    moved = tree.map(lambda p: to_device(p, xp), params)
    return to_host(layer.forward(moved, to_device(x, xp), key)[0])


def close(got, want, **tolerance):
    """Equal to 1e-12, or to the tolerance given (rtol, atol)."""
    np.testing.assert_allclose(got, want, **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


def plain_layernorm(x, gamma, beta, eps=1e-6):
    """Mean 0, variance 1, scale and shift, in float64 and NumPy's own words."""
    x = x.astype(np.float64)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * gamma + beta


def arrays(nest):
    """Every array in a nest of dicts and tuples, such as a cache."""
    if hasattr(nest, "dtype"):
        yield nest
    elif isinstance(nest, dict):
        for value in nest.values():
            yield from arrays(value)
    elif isinstance(nest, tuple):
        for value in nest:
            yield from arrays(value)
