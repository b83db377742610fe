"""The layers of `minivit.layers`, each with the shape of its input."""

from ..layers import (
    Attention,
    ClassPool,
    ClassToken,
    Dropout,
    DropPath,
    Gelu,
    GeluErf,
    GridPositions,
    HeadHidden,
    LayerNorm,
    Linear,
    MeanPool,
    Mlp,
    OverlappingPatches,
    PatchDropout,
    Patchify,
    PositionEmbedding,
    PreLogits,
    RelativeAttention,
    RelativeBlock,
    ResampledPositions,
    SequencePool,
    SincosPositions,
    TransformerBlock,
)
from .sizes import DROP_PATH, DROPOUT, HEADS, PATCH_DROPOUT, B, D, M, T

GRID = {"rows": 2, "columns": 2, "prefix_tokens": 1}

# name: (layer, shape of its input)
LAYERS = {
    "Linear": (Linear(D, M), (B, T, D)),
    "Patchify": (Patchify(3, 4), (B, 6, 12, 2)),
    "OverlappingPatches": (OverlappingPatches(3, 4, 2), (B, 6, 12, 2)),
    "ClassToken": (ClassToken(D), (B, T, D)),
    "PositionEmbedding": (PositionEmbedding(T, D), (B, T, D)),
    "GridPositions": (GridPositions(2, 3, D, 1), (B, 7, D)),
    "SincosPositions": (SincosPositions(2, 3, D, 1), (B, 7, D)),
    "ResampledPositions": (
        ResampledPositions(7, D, (2, 3), (4, 2), 1, "bicubic-antialiased"),
        (B, 9, D),
    ),
    "LayerNorm": (LayerNorm(D), (B, T, D)),
    "Attention": (Attention(D, HEADS), (B, T, D)),
    "Gelu": (Gelu(), (B, T, M)),
    "GeluErf": (GeluErf(), (B, T, M)),
    "Dropout": (Dropout(DROPOUT), (B, T, D)),
    "DropPath": (DropPath(DROP_PATH), (B, T, D)),
    "PatchDropout": (PatchDropout(PATCH_DROPOUT, prefix_tokens=1), (B, T, D)),
    "Mlp": (Mlp(D, M, DROPOUT), (B, T, D)),
    "TransformerBlock": (TransformerBlock(D, HEADS, M, DROPOUT, drop_path=DROP_PATH), (B, T, D)),
    "RelativeAttention": (RelativeAttention(D, HEADS, 2, 3, 1), (B, 7, D)),
    "RelativeBlock": (RelativeBlock(D, HEADS, M, DROPOUT, **GRID), (B, T, D)),
    "ClassPool": (ClassPool(), (B, T, D)),
    "MeanPool": (MeanPool(), (B, T, D)),
    "SequencePool": (SequencePool(D), (B, T, D)),
    "PreLogits": (PreLogits(D, M), (B, D)),
    "HeadHidden": (HeadHidden(D, M), (B, D)),
}
