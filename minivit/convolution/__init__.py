"""Convolutions, for a stem before the transformer: hybrid models. In reading order:

    windows.py        the squares of pixels that a layer looks at, as views
    convolution.py    one Linear layer for every window
    turned.py         its backward with stride 1, in less time
    relu.py, maxpool.py, groupnorm.py, standardised.py
                      the other parts of a residual network
    chain.py          layers one after another
    residual.py       the unit of a residual network
    stems.py          the stems that a model may have, by name

They are layers as those in `layers/`, with the same three methods. Maps are B x H x W x C, channels
last, so that a pixel's channels are a token.
"""

from .chain import Chain
from .convolution import Convolution
from .groupnorm import GroupNorm
from .maxpool import MaxPool
from .relu import Relu
from .residual import ResidualUnit
from .standardised import StandardisedConv
from .stems import STEMS, small_stem, stem

__all__ = [
    "STEMS",
    "Chain",
    "Convolution",
    "GroupNorm",
    "MaxPool",
    "Relu",
    "ResidualUnit",
    "StandardisedConv",
    "small_stem",
    "stem",
]
