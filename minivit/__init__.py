"""minivit: the Vision Transformer from scratch in NumPy, every gradient written by hand.

A layer is three methods. It keeps nothing itself: what backward needs, forward returns as `cache`.

    init(rng)                     -> params       its weights, a nested dict of arrays
    forward(params, x, key=None)  -> y, cache     key=None means evaluation: no dropout
    backward(dy, cache)           -> dx, grads    grads has params' names and shapes

`dfoo` is dLoss/dfoo, one number for each number of foo, and has foo's shape. backward is the chain
rule: from dy it computes the gradients of the layer's own weights, and dx. A layer's x is the y of
the layer before, so its dx is that layer's dy, and the gradient travels back to the image.

Read it in this order:

    layers/linear.py         the protocol on the simplest layer
    layers/layernorm.py      the first backward worth deriving (README.md does it step by step)
    layers/attention.py      queries, keys, values and softmax, and all of it backwards
    layers/gelu.py, mlp.py   what happens to each token on its own
    layers/block.py          how layers compose
    layers/patchify.py, overlapping.py, tokens.py, pool.py
                             from image to tokens, from tokens to one vector
    vit.py                   the whole model
    layers/cross_entropy.py  where the gradient begins
    gradcheck.py             how we know that all of it is right
    layers/dropout.py, drop_path.py, patch_dropout.py, chance.py
                             randomness that can be repeated
    starts.py                first weights that learn faster
    smaller.py               fewer tokens first, by the same weights
    optim.py, muon.py, training/              how it learns

Letters: B images of H x W x C pixels, P the side of a patch, N patches, T tokens (N, and one more
with a class token), D the width of a token, `heads` of K = D / heads numbers, M the MLP's hidden
width. A token is one row of D numbers; "(..., D)" is any number of them.
"""

from . import gradcheck
from .arrays import tree
from .arrays.keys import Key
from .config import VARIANTS, Config
from .errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    DataError,
    DivergedError,
    MinivitError,
    RunError,
    WorkerError,
)
from .layers import CrossEntropy
from .version import VERSION
from .vit import ViT

__version__ = VERSION


def __getattr__(name):
    """`load` and `Trained`, imported on demand, because they bring data and training along."""
    if name in ("load", "Trained"):
        from . import trained

        return getattr(trained, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "VARIANTS",
    "BackendError",
    "CheckpointError",
    "Config",
    "ConfigError",
    "CrossEntropy",
    "DataError",
    "DivergedError",
    "Key",
    "MinivitError",
    "RunError",
    "Trained",
    "ViT",
    "WorkerError",
    "gradcheck",
    "load",
    "tree",
]
