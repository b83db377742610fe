"""The layers of `minivit.residual`, each with the shape of its input."""

from ..residual.subsample import Subsample
from ..residual.unit import BasicUnit
from .sizes import B, D

LAYERS = {
    "Subsample": (Subsample(4, D, 2), (B, 4, 6, 4)),
    "BasicUnit": (BasicUnit(D, 8, 2, groups=2), (B, 4, 2, D)),
}
