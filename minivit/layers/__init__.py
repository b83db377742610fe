"""One layer, one file. Each has `init`, `forward` and `backward`; read them in this order."""

from .linear import Linear
from .patchify import Patchify
from .tokens import ClassToken, PositionEmbedding
from .layernorm import LayerNorm
from .attention import Attention
from .gelu import Gelu, GeluErf
from .dropout import Dropout
from .mlp import Mlp
from .block import TransformerBlock
from .pool import ClassPool, MeanPool
from .cross_entropy import CrossEntropy

__all__ = [
    "Attention",
    "ClassPool",
    "ClassToken",
    "CrossEntropy",
    "Dropout",
    "Gelu",
    "GeluErf",
    "LayerNorm",
    "Linear",
    "MeanPool",
    "Mlp",
    "Patchify",
    "PositionEmbedding",
    "TransformerBlock",
]
