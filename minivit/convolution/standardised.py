"""StandardisedConv: a convolution whose weights are normalised before each use."""

from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .convolution import Convolution


@dataclass(frozen=True)
class StandardisedConv:
    """A convolution, without bias, by weights of mean 0 and variance 1.

        centred  = w - mean(w)              std = sqrt(mean(centred^2))
        w_hat    = centred / (std + eps)
        y        = convolution of x by w_hat

        dx, dw_hat = backward of the convolution
        dcentred = (dw_hat - centred / std * mean(dw_hat * w_hat)) / (std + eps)
        dw       = dcentred - mean(dcentred)

    mean(.) is over the S*S*C_in weights of each output channel: a column of w. A shift or a stretch
    of a column changes nothing (but for eps), so dw has no component along either, as dx of
    LayerNorm. With group norm it takes the place of batch norm, which needs large batches.

    Where all weights of a column are equal, std is 0 and has no derivative; the term with it is
    then left out.

    w_hat is computed again in the backward: a cache of it would have w's size for every
    micro-batch. Keeps what the convolution keeps.

    Source: Qiao et al. 2019, "Weight standardization", arXiv:1903.10520, eq. 2 and 3; eps is where
    the Vision Transformer's own code has it.
    """

    c_in: int
    c_out: int
    size: int
    stride: int = 1
    eps: float = 1e-5
    conv: Convolution = field(init=False)

    def __post_init__(self):
        conv = Convolution(self.c_in, self.c_out, self.size, self.stride, bias=False)
        object.__setattr__(self, "conv", conv)

    def init(self, rng):
        """w (S*S*C_in, C_out)."""
        return self.conv.init(rng)

    def forward(self, params, x, key=None):
        """x (B, H, W, C_in) -> y (B, H', W', C_out), cache."""
        w = params["w"]
        w_hat, _ = self.standardised(w)
        y, (grown, _, shape) = self.conv.forward({"w": w_hat}, x)
        return y, (w, grown, shape)

    def backward(self, dy, cache):
        """dy (B, H', W', C_out) -> dx (B, H, W, C_in), grads."""
        w, grown, shape = cache
        xp = array_module(dy)
        w_hat, std = self.standardised(w)
        dx, grads = self.conv.backward(dy, (grown, w_hat, shape))
        dw_hat = grads["w"]
        divisor = std + self.eps
        safe_std = xp.where(std > 0, std, xp.ones_like(std))  # w_hat is 0 where std is
        mean = (dw_hat * w_hat).mean(axis=0)
        # w_hat * divisor / std is centred / std
        dcentred = (dw_hat - w_hat * (divisor / safe_std * mean)) / divisor
        return dx, {"w": dcentred - dcentred.mean(axis=0)}

    def standardised(self, w):
        """w_hat, of w's shape, and std (C_out,)."""
        centred = w - w.mean(axis=0)
        std = array_module(w).sqrt((centred * centred).mean(axis=0))
        return centred / (std + self.eps), std
