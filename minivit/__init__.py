"""minivit: the Vision Transformer in pure NumPy, with every gradient written by hand.

A layer has three methods. It holds hyper-parameters only: what backward needs, forward returns as
`cache`.

    init(rng)                     -> params       its weights, a nested dict of arrays
    forward(params, x, key=None)  -> y, cache     key: see `arrays/keys.py`; None: evaluation
    backward(dy, cache)           -> dx, grads    grads has the names and shapes of params

`dfoo` is dLoss/dfoo and has the shape of foo. backward is the chain rule: from dy it computes the
gradients of the layer's weights, and dx. The x of a layer is the y of the layer before it, so its
dx is the dy of that layer; in this way the gradient goes back to the image.

Read the files in this order:

    layers/linear.py         the protocol on the simplest layer
    layers/layernorm.py      the first backward that is worth deriving (README.md does it)
    layers/attention.py      queries, keys, values and softmax, and their gradients
    layers/gelu.py, mlp.py   what happens to each token separately
    layers/block.py          how layers are composed
    layers/patchify.py, overlapping.py, tokens.py, pool.py
                             from the image to tokens, from tokens to one vector
    vit.py                   the whole model
    layers/cross_entropy.py  the loss, where the gradient begins
    gradcheck.py             how we know that all gradients are right
    arrays/keys.py, layers/dropout.py, drop_path.py, patch_dropout.py
                             random numbers that can be repeated
    start/                   first values of the weights
    optim/                   from gradients to steps
    training/plain.py        the training loop on one page

and then what you need: each room has a map in its `__init__`.

Letters: B images of H x W x C pixels and channels, P x Q a patch, N patches, T tokens (N,
or N + 1 with a class token), D the width of a token, `heads` of K = D / heads numbers, M the MLP's
hidden width. A token is one row of D numbers; "(..., D)" is any number of them.
"""

from . import gradcheck
from .arrays import tree
from .arrays.keys import Key
from .config import VARIANTS, Config
from .errors import (
    BackendError,
    CheckpointError,
    CodeError,
    ConfigError,
    DataError,
    DivergedError,
    MinivitError,
    RankError,
    RunError,
    WorkerError,
)
from .layers import CrossEntropy
from .version import VERSION
from .vit import ViT

__version__ = VERSION


def __getattr__(name):
    """`load`, `Trained`, `data` and `pretrained`, imported on demand: not everyone needs them."""
    if name in ("load", "Trained"):
        from . import trained

        return getattr(trained, name)
    if name in ("data", "pretrained"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "VARIANTS",
    "BackendError",
    "CheckpointError",
    "CodeError",
    "Config",
    "ConfigError",
    "CrossEntropy",
    "DataError",
    "DivergedError",
    "Key",
    "MinivitError",
    "RankError",
    "RunError",
    "Trained",
    "ViT",
    "WorkerError",
    "gradcheck",
    "load",
    "tree",
]
