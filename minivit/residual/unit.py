"""BasicUnit: two convolutions whose result is added to the map."""

from dataclasses import dataclass

from ..convolution import Chain, GroupNorm, Relu, ResidualUnit, StandardisedConv
from .subsample import Subsample


@dataclass(frozen=True)
class BasicUnit(ResidualUnit):
    """The unit of the residual networks for CIFAR: from C_in to `width` channels.

        h = norm1(conv1(x)), relu           3 x 3, with the stride
        h = norm2(conv2(h))                 3 x 3
        y = relu(h + shortcut(x))

        dsum = relu.backward(dy)
        dx   = branch.backward(dsum) + shortcut.backward(dsum)

    The shortcut is x itself, or `Subsample` where the channels or the stride change. forward and
    backward are those of `ResidualUnit`. But its last norm starts at 1, as in the source: from 0,
    steps of a fixed size, as Muon's and AdamW's, take hundreds to let the branch be heard.

    Source: He et al. 2016, arXiv:1512.03385, figure 5 (left) and section 4.2.
    """

    def __post_init__(self):
        width = self.width
        branch = (
            ("conv1", StandardisedConv(self.c_in, width, 3, self.stride)),
            ("norm1", GroupNorm(width, self.groups)),
            ("relu1", Relu()),
            ("conv2", StandardisedConv(width, width, 3)),
            ("norm2", GroupNorm(width, self.groups)),
        )
        shortcut = ()
        if self.stride > 1 or self.c_in != width:
            shortcut = (("subsample", Subsample(self.c_in, width, self.stride)),)
        object.__setattr__(self, "branch", Chain(branch))
        object.__setattr__(self, "shortcut", Chain(shortcut))
