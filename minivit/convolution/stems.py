"""Stems: convolutions between the image and the transformer's patches, by name."""

from dataclasses import dataclass

from ..layers.gelu import Gelu
from ..layers.layernorm import LayerNorm
from .chain import Chain
from .convolution import Convolution
from .groupnorm import GroupNorm
from .maxpool import MaxPool
from .relu import Relu
from .residual import ResidualUnit
from .standardised import StandardisedConv


@dataclass(frozen=True)
class Stem:
    """What is known of a stem: how many pixels of an image become one of its map, and channels.

    units: of a ResNet, the number of residual units in each stage; convolutions: of a small stem,
    the channels and the stride of each.
    """

    stride: int
    channels: int
    units: tuple[int, ...] = ()
    convolutions: tuple[tuple[int, int], ...] = ()


STEMS = {  # name: Stem; of a ResNet, its depth and its stride, as the papers write it
    "small": Stem(4, 96, convolutions=((48, 2), (96, 2))),
    "small-3": Stem(4, 96, convolutions=((48, 2), (96, 2), (96, 1))),
    "R26/32": Stem(32, 2048, (2, 2, 2, 2)),
    "R50/16": Stem(16, 1024, (3, 4, 9)),
    "R50/32": Stem(32, 2048, (3, 4, 6, 3)),
}
ROOT = 64  # channels of a ResNet's first convolution


def stem(name, channels, gelu=Gelu()):
    """The stem called `name` for images of so many channels -> Chain, images to a map."""
    one = STEMS[name]
    if one.units:
        return resnet_stem(channels, one.units)
    return small_stem(channels, one.convolutions, gelu)


def small_stem(channels, convolutions, gelu=Gelu()):
    """Convolutions of 3 x 3 pixels, for small images.

        x = gelu(norm1(conv1(x)))           (B, H/2, W/2, 48)
        y = norm2(conv2(x))                 (B, H/4, W/4, 96)

    "small-3" goes on with gelu, and a third convolution with stride 1 and its norm. The norms are
    LayerNorm, over the channels of a pixel. convolutions: the channels and the stride of each.

    Source: Xiao et al. 2021, "Early convolutions help transformers see better", arXiv:2106.14881,
    section 4 (there batch norm, ReLU and more of them).
    """
    layers = []
    for number, (width, stride) in enumerate(convolutions, 1):
        if number > 1:
            layers.append((f"gelu{number - 1}", gelu))
        layers.append((f"conv{number}", Convolution(channels, width, 3, stride)))
        layers.append((f"norm{number}", LayerNorm(width)))
        channels = width
    return Chain(tuple(layers))


def resnet_stem(channels, units, root=ROOT, groups=32):
    """The paper's ResNet: a root, then stages of residual units.

        x = pool(relu(norm(conv(x))))       (B, H/4, W/4, 64)
        x = stage1(x)                       (B, H/4, W/4, 256)
        x = stage2(x) ...                   each with half the side and twice the channels

    R50+B/16 has no stage 4; its units are in stage 3, so that the map stays at H/16.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 4.1 (Model Variants), and its code;
    R26: Steiner et al. 2021, "How to train your ViT?", arXiv:2106.10270, table 2.
    """
    layers = [
        ("conv", StandardisedConv(channels, root, 7, 2)),
        ("norm", GroupNorm(root, groups)),
        ("relu", Relu()),
        ("pool", MaxPool(3, 2)),
    ]
    c_in = root
    for number, count in enumerate(units):
        width, stage = root * 2**number, []
        for unit in range(count):
            stride = 2 if number and not unit else 1
            stage.append((f"unit{unit + 1}", ResidualUnit(c_in, width, stride, groups)))
            c_in = 4 * width
        layers.append((f"stage{number + 1}", Chain(tuple(stage))))
    return Chain(tuple(layers))
