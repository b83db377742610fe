"""The layers of `minivit.convolution`, each with the shape of its input."""

from ..convolution import (
    Convolution,
    GroupNorm,
    MaxPool,
    Relu,
    ResidualUnit,
    StandardisedConv,
    small_stem,
)
from .sizes import HEADS, B, D, M, T

LAYERS = {
    "Convolution": (Convolution(2, D, 3, 2), (B, 6, 4, 2)),
    "StandardisedConv": (StandardisedConv(D, M, 3), (B, 3, 2, D)),
    "Relu": (Relu(), (B, T, M)),
    "MaxPool": (MaxPool(), (B, 6, 4, D)),
    "GroupNorm": (GroupNorm(D, HEADS), (B, 3, 2, D)),
    "Chain": (small_stem(3, ((4, 2), (D, 2), (4, 1))), (B, 8, 4, 3)),
    "ResidualUnit": (ResidualUnit(D, 4, 2, groups=2), (B, 4, 2, D)),
}
