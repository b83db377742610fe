"""ResNet: a residual network, from images to logits and back."""

from functools import cached_property

from ..convolution import Chain, GroupNorm, Relu, ResidualUnit, StandardisedConv
from ..layers import Linear, MeanPool, Patchify
from ..vit import ViT
from .config import STAGES, UNITS
from .unit import BasicUnit

KINDS = {"basic": BasicUnit, "bottleneck": ResidualUnit}


class ResNet(ViT):
    """A residual network with the sizes of a `ResidualConfig`.

        x      = root(images)                 (B, H, W, width): 3 x 3 convolution, norm, relu
        x      = stage1(x)                    (B, H, W, width), or 4 width with bottleneck units
        x      = stage2(x), stage3(x)         each with half the side and twice the channels
        logits = head(mean over pixels)       (B, classes)

    It has no attention, but the same methods as `ViT`, part by part. Parameters, gradients and
    caches have the names of `self.parts`.

    Source: He et al. 2016, arXiv:1512.03385, section 4.2.
    """

    @cached_property
    def parts(self):
        """The layers by name, in the order in which they are applied."""
        c = self.config
        root = (
            ("conv", StandardisedConv(c.channels, c.width, 3)),
            ("norm", GroupNorm(c.width, c.groups)),
            ("relu", Relu()),
        )
        parts, c_in = {"root": Chain(root)}, c.width
        for stage in range(STAGES):
            width, units = c.width * 2**stage, []
            for i in range(c.units):
                stride = 2 if stage and not i else 1
                units.append((f"unit{i + 1}", KINDS[c.unit](c_in, width, stride, c.groups)))
                c_in = width * UNITS[c.unit][1]
            parts[f"stage{stage + 1}"] = Chain(tuple(units))
        parts["pixels"] = Patchify(1, 1)  # (B, H', W', C) -> (B, pixels, C)
        parts["pool"] = MeanPool()
        parts["head"] = Linear(c.outputs, c.classes, zero=True)
        return parts

    def init(self, rng):
        """Parameters as float64 NumPy arrays. rng: a NumPy Generator, or None for shapes only."""
        return {name: part.init(rng) for name, part in self.parts.items()}
