"""The layers, one a file, each with `init`, `forward` and `backward`; in reading order:

    linear.py, layernorm.py                              the protocol, and a first derivation
    attention.py, gelu.py, mlp.py, block.py              a transformer block and its parts
    patchify.py, overlapping.py, tokens.py, pool.py      from image to tokens, from tokens to vector
    grid_positions.py, relative.py                       other ways to say where a patch is
    resampled_positions.py                               positions of another image size
    pre_logits.py, head_hidden.py                        a hidden layer in the head
    cross_entropy.py                                     the loss of a classifier
    squared_error.py, sigmoid_cross_entropy.py           losses for numbers, and for yes or no
    dropout.py, drop_path.py, patch_dropout.py           what is random in training

Helpers: draws.py (first values), sums.py (fast sums), pieces.py (cache-sized pieces).
"""

from .attention import Attention
from .block import TransformerBlock
from .cross_entropy import CrossEntropy
from .drop_path import DropPath
from .dropout import Dropout
from .gelu import Gelu, GeluErf
from .grid_positions import GridPositions, SincosPositions
from .head_hidden import HeadHidden
from .layernorm import LayerNorm
from .linear import Linear
from .mlp import Mlp
from .overlapping import OverlappingPatches
from .patch_dropout import PatchDropout
from .patchify import Patchify
from .pool import ClassPool, MeanPool, SequencePool
from .pre_logits import PreLogits
from .relative import RelativeAttention, RelativeBlock
from .resampled_positions import ResampledPositions
from .sigmoid_cross_entropy import SigmoidCrossEntropy
from .squared_error import SquaredError
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
    "GridPositions",
    "HeadHidden",
    "LayerNorm",
    "Linear",
    "MeanPool",
    "Mlp",
    "OverlappingPatches",
    "PatchDropout",
    "Patchify",
    "PositionEmbedding",
    "PreLogits",
    "RelativeAttention",
    "RelativeBlock",
    "ResampledPositions",
    "SequencePool",
    "SigmoidCrossEntropy",
    "SincosPositions",
    "SquaredError",
    "TransformerBlock",
]
