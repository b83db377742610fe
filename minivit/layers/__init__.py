"""One layer, one file: `init`, `forward` and `backward`. README.md has a reading order."""

from .attention import Attention
from .block import TransformerBlock
from .cross_entropy import CrossEntropy
from .dropout import Dropout
from .gelu import Gelu, GeluErf
from .layernorm import LayerNorm
from .linear import Linear
from .mlp import Mlp
from .patchify import Patchify
from .pool import ClassPool, MeanPool
from .tokens import ClassToken, PositionEmbedding

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
