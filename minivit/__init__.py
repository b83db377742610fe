"""minivit: the Vision Transformer from scratch in NumPy, every gradient written by hand.

Read it in this order:

    layers/linear.py         the protocol on the simplest layer: init, forward, backward
    layers/layernorm.py      the first backward worth deriving
    layers/attention.py      the heart
    layers/block.py          how layers compose
    vit.py                   the whole model
    layers/cross_entropy.py  where the gradient begins
    gradcheck.py             how we know that all of it is right
    optim.py, training/      how it learns

Letters: B images of H x W x C pixels, P the side of a patch, N patches, T tokens (N, and one more
with a class token), D the width of a token, `heads` of K = D / heads numbers, M the MLP's hidden
width. `dfoo` is dLoss/dfoo and has foo's shape.
"""

from . import gradcheck, tree
from .chance import Key
from .config import VARIANTS, Config
from .errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    DataError,
    DivergedError,
    MinivitError,
)
from .layers import CrossEntropy
from .vit import ViT

__version__ = "0.1.0"

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
    "ViT",
    "gradcheck",
    "tree",
]
