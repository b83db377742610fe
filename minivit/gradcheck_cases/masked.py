"""The layers of `minivit.masked`, each with the shape of its input."""

from ..masked.corrupt import CorruptPatches
from ..masked.pick import PickPatches
from .sizes import B, D

LAYERS = {
    "CorruptPatches": (CorruptPatches(D, 0.7), (B, 9, D)),
    "PickPatches": (PickPatches(0.5, prefix_tokens=1), (B, 9, D)),
}
