"""What the layer tests share: every layer once, some in other forms, and helpers.

The layers and the sizes are those of `python -m minivit gradcheck`; the forms that only the tests
need are added here.
"""

import importlib.util

import numpy as np
import pytest

from minivit import Config, Key, ViT, gradcheck, gradcheck_cases
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.gradcheck_cases.sizes import DROPOUT, HEADS, B, D, M, T
from minivit.layers import (
    Dropout,
    DropPath,
    GeluErf,
    Linear,
    Mlp,
    PatchDropout,
    TransformerBlock,
)

KEY = Key(seed=3, step=2, first=1)

LAYERS = {  # name: (layer, shape of its input)
    **gradcheck_cases.LAYERS,
    "Linear of rows": (Linear(D, M, zero=True), (B, D)),
    "Dropout of nothing": (Dropout(0.0), (B, T, D)),
    "DropPath of nothing": (DropPath(0.0), (B, T, D)),
    "PatchDropout without a class token": (PatchDropout(0.4), (B, T, D)),
    "Mlp without dropout": (Mlp(D, M), (B, T, D)),
    "TransformerBlock without dropout": (TransformerBlock(D, HEADS, M), (B, T, D)),
    "TransformerBlock without drop path": (TransformerBlock(D, HEADS, M, DROPOUT), (B, T, D)),
    "TransformerBlock of GeluErf": (TransformerBlock(D, HEADS, M, DROPOUT, GeluErf()), (B, T, D)),
}
COMPOSITES = ("Attention", "Mlp", "TransformerBlock", "Chain", "ResidualUnit", "BasicUnit")

needs_scipy = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None,
    reason="the exact (erf) GELU needs SciPy: pip install scipy",
)
every_layer = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=needs_scipy) if "Erf" in n else n for n in LAYERS],
)


def draw(shape, xp=np, seed=0, dtype=np.float64):
    """Standard normal numbers, drawn on the host for every library."""
    return to_device(np.random.default_rng(seed).standard_normal(shape).astype(dtype), xp)


def redrawn(layer, xp=np, seed=1, dtype=np.float64):
    """Parameters of a layer or a model, all redrawn: no gamma is 1 and no head is 0."""
    params = gradcheck.redraw(layer.init(None), np.random.default_rng(seed))
    return tree.map(lambda p: to_device(p.astype(dtype), xp), params)


def build(name, xp=np, dtype=np.float64):
    """A layer of the list, its parameters and an input: (layer, params, x)."""
    layer, shape = LAYERS[name]
    return layer, redrawn(layer, xp, dtype=dtype), draw(shape, xp, dtype=dtype)


def tiny(**changes):
    """A very small ViT: 9 patches of 2 x 2 x 3, two blocks."""
    sizes = {"image_size": 6, "patch_size": 2, "channels": 3, "classes": 10}
    width = {"dim": 8, "depth": 2, "heads": 4, "mlp_dim": 7}
    return ViT(Config(**{**sizes, **width, **changes}))


def run(layer, params, x, xp, key=None):
    """The layer's output for host arrays, as a host array."""
    moved = tree.map(lambda p: to_device(p, xp), params)
    return to_host(layer.forward(moved, to_device(x, xp), key)[0])


def close(got, want, **tolerance):
    """Assert equality to 1e-12, or to the given tolerance (rtol, atol)."""
    np.testing.assert_allclose(got, want, **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


def plain_layernorm(x, gamma, beta, eps=1e-6):
    """Mean 0, variance 1, scale and shift, in float64 with NumPy's own functions."""
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
