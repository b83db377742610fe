"""One layer, one file: `init`, `forward` and `backward`. README.md has a reading order."""

from .attention import Attention
from .block import TransformerBlock
from .cross_entropy import CrossEntropy
from .drop_path import DropPath
from .dropout import Dropout
from .gelu import Gelu, GeluErf
from .layernorm import LayerNorm
from .linear import Linear
from .mlp import Mlp
from .overlapping import OverlappingPatches
from .patch_dropout import PatchDropout
from .patchify import Patchify
from .pool import ClassPool, MeanPool, SequencePool
from .tokens import ClassToken, PositionEmbedding

__all__ = [
    "Attention",
    "ClassPool",
    "ClassToken",
    "CrossEntropy",
    "DropPath",
    "Dropout",
    "Gelu",
    "GeluErf",
    "LayerNorm",
    "Linear",
    "MeanPool",
    "Mlp",
    "OverlappingPatches",
    "PatchDropout",
    "Patchify",
    "PositionEmbedding",
    "SequencePool",
    "TransformerBlock",
]
