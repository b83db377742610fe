"""ResidualUnit: three convolutions whose result is added to the map."""

from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .chain import Chain
from .groupnorm import GroupNorm
from .relu import Relu
from .standardised import StandardisedConv


@dataclass(frozen=True)
class ResidualUnit:
    """The bottleneck unit of the paper's ResNet: from C_in to 4 * width channels, by way of width.

        h = norm1(conv1(x)), relu           1 x 1, to `width` channels
        h = norm2(conv2(h)), relu           3 x 3, with the stride
        h = norm3(conv3(h))                 1 x 1, to 4 * width channels
        y = relu(h + shortcut(x))

        dsum = relu.backward(dy)
        dx   = branch.backward(dsum) + shortcut.backward(dsum)

    The shortcut is x itself, or where the channels or the stride change a 1 x 1 convolution with
    the stride and a norm. The sum uses x twice, so its gradient is the sum of both ways back.

    Convolutions have standardised weights, norms are of groups; the last one starts at 0, so a new
    unit passes its shortcut only. The relu is after the sum, as in the first ResNet. The unit that
    big transfer (arXiv:1912.11370) made of it has norm and relu before each convolution instead.

    Keeps what its parts keep. Raises ConfigError where `groups` do not divide the channels.

    Source: He et al. 2016, arXiv:1512.03385, figure 5; as in the Vision Transformer's own code
    (Dosovitskiy et al. 2021, arXiv:2010.11929, section 4.1).
    """

    c_in: int
    width: int
    stride: int = 1
    groups: int = 32
    branch: Chain = field(init=False)
    shortcut: Chain = field(init=False)

    def __post_init__(self):
        width, c_out = self.width, 4 * self.width
        convolution, relu = StandardisedConv, Relu()
        branch = (
            ("conv1", convolution(self.c_in, width, 1)),
            ("norm1", GroupNorm(width, self.groups)),
            ("relu1", relu),
            ("conv2", convolution(width, width, 3, self.stride)),
            ("norm2", GroupNorm(width, self.groups)),
            ("relu2", relu),
            ("conv3", convolution(width, c_out, 1)),
            ("norm3", GroupNorm(c_out, self.groups, zero=True)),
        )
        shortcut = ()
        if self.stride > 1 or self.c_in != c_out:
            shortcut = (
                ("conv", convolution(self.c_in, c_out, 1, self.stride)),
                ("norm", GroupNorm(c_out, self.groups)),
            )
        object.__setattr__(self, "branch", Chain(branch))
        object.__setattr__(self, "shortcut", Chain(shortcut))

    def init(self, rng):
        """The parameters of branch, and of shortcut where it has some, by these names."""
        params = {"branch": self.branch.init(rng), "shortcut": self.shortcut.init(rng)}
        return {name: own for name, own in params.items() if own}

    def forward(self, params, x, key=None):
        """x (B, H, W, C_in) -> y (B, H / s, W / s, 4 * width), cache."""
        xp, cache = array_module(x), {}
        h, cache["branch"] = self.branch.forward(params["branch"], x)
        same, cache["shortcut"] = self.shortcut.forward(params.get("shortcut", {}), x)
        h = xp.add(h, same, out=h)
        y, cache["relu"] = Relu().forward({}, h)
        return y, cache

    def backward(self, dy, cache):
        """dy (B, H / s, W / s, 4 * width) -> dx (B, H, W, C_in), grads."""
        grads = {}
        dsum, _ = Relu().backward(dy, cache.pop("relu"))
        dx, grads["branch"] = self.branch.backward(dsum, cache.pop("branch"))
        dsame, own = self.shortcut.backward(dsum, cache.pop("shortcut"))
        return dx + dsame, {**grads, "shortcut": own} if own else grads
