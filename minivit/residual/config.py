"""ResidualConfig: the sizes of a residual network."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ..config import LARGEST, pair
from ..errors import ConfigError
from ..settings import Settings, setting

UNITS = {"basic": (2, 1), "bottleneck": (3, 4)}  # name: (convolutions, channels out / width)
STAGES = 3
STRIDE = 2 ** (STAGES - 1)  # pixels of the image that become one of the last map


@dataclass(frozen=True)
class ResidualConfig(Settings):
    """The sizes of a `ResNet` for small images: each field below says what it is.

    Three stages of units have width, 2 width and 4 width channels (four times as many behind
    bottleneck units); each stage after the first halves the map. With basic units, 3 of them a
    stage and width 16 it is ResNet-20.

    Raises ConfigError for values that are out of range or do not fit together.
    """

    image_size: int | tuple[int, int] = setting(
        32, "side of the images, in pixels, or height x width", low=1, high=LARGEST, pair=True
    )
    channels: int = setting(3, "colours of a pixel", low=1, high=LARGEST)
    classes: int = setting(10, "classes to tell apart", low=1, high=LARGEST)
    unit: str = setting("basic", "two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1", choices=UNITS)
    units: int = setting(3, "residual units in each of three stages", low=1, high=1000)
    width: int = setting(16, "channels of the first stage", low=1, high=LARGEST)
    groups: int = setting(8, "groups of the group norms; divides the width", low=1, high=LARGEST)

    # what else is asked of a model's sizes; a Config has these as fields
    gelu: ClassVar = "relu"
    stem: ClassVar = "none"
    patch_dropout: ClassVar = 0.0
    prefix_tokens: ClassVar = 0
    patch_size: ClassVar = STRIDE

    def __post_init__(self):
        super().__post_init__()
        if any(side % STRIDE for side in pair(self.image_size)):
            raise ConfigError(
                f"image_size must be a multiple of {STRIDE}, because the map is halved "
                f"{STAGES - 1} times; got {self.image_size}"
            )
        if self.width % self.groups:
            raise ConfigError(
                f"groups must divide width: {self.width} is not a multiple of {self.groups}"
            )

    @property
    def image_shape(self):
        """H, W and C of an image: its height, its width and its channels."""
        return *pair(self.image_size), self.channels

    @property
    def depth(self):
        """Layers with weights on the way through the network."""
        return STAGES * self.units * UNITS[self.unit][0] + 2

    @property
    def outputs(self):
        """Channels of the last map, which the head reads the mean of."""
        doubled = 2 ** (STAGES - 1)  # each later stage has twice the channels
        return self.width * doubled * UNITS[self.unit][1]

    @property
    def tokens(self):
        """Pixels of the first map: what the time of a forward pass is proportional to."""
        return math.prod(pair(self.image_size))

    @property
    def widest(self):
        """Numbers of an image in the widest map."""
        return self.tokens * self.width * UNITS[self.unit][1]

    @property
    def in_words(self):
        """What the network is, for the first lines of a run."""
        return (
            f"ResNet of {self.depth} layers: {STAGES} stages of {self.units} {self.unit} units, "
            f"width {self.width}"
        )
