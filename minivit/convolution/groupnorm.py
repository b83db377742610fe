"""GroupNorm: bring groups of an image's channels to the same scale."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..errors import ConfigError
from ..layers.draws import ones, zeros
from ..layers.sums import token_sum


@dataclass(frozen=True)
class GroupNorm:
    """Normalise each group of channels of an image to mean 0 and variance 1; scale and shift it.

        xhat   = (x - mean) * rstd            rstd = 1 / sqrt(var + eps)
        y      = gamma * xhat + beta

        dgamma = sum over images and pixels of dy * xhat        dbeta = the same sum of dy
        dxhat  = dy * gamma
        dx     = rstd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))

    The equations are those of LayerNorm. But mean(.) and var are over all pixels of an image and
    the C / G channels of one group, where LayerNorm takes all channels of one pixel; gamma and
    beta have a number a channel. The variance is computed in two passes.

    `zero` starts gamma at 0, so that a residual unit begins without its branch.

    Keeps xhat and rstd: C numbers a pixel, and G an image. Raises ConfigError where the groups do
    not divide the channels.

    Source: Wu & He 2018, "Group normalization", arXiv:1803.08494, eq. 1, 2, 6 and 7.
    """

    channels: int
    groups: int = 32
    eps: float = 1e-6
    zero: bool = False

    def __post_init__(self):
        if self.groups < 1 or self.channels % self.groups:
            raise ConfigError(
                f"groups must divide channels: {self.channels} is not a multiple of {self.groups}"
            )

    def init(self, rng):
        """gamma (C,) ones, or zeros with `zero`; beta (C,) zeros."""
        gamma = zeros if self.zero else ones
        return {"gamma": gamma(rng, self.channels), "beta": zeros(rng, self.channels)}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, H, W, C), cache."""
        xp = array_module(x)
        centred = x - self.group_mean(x)
        squares = centred * centred
        rstd = 1.0 / xp.sqrt(self.group_mean(squares) + self.eps)  # (B, 1, 1, C)
        xhat = xp.multiply(centred, rstd, out=centred)
        y = xp.multiply(xhat, params["gamma"], out=squares)
        y += params["beta"]
        return y, (xhat, rstd, params["gamma"])

    def backward(self, dy, cache):
        """dy (B, H, W, C) -> dx (B, H, W, C), grads."""
        xhat, rstd, gamma = cache
        dy_xhat = dy * xhat
        dgamma = token_sum(dy_xhat)
        dbeta = token_sum(dy)
        mean_dxhat = self.group_mean(dy, gamma)
        mean_dxhat_xhat = self.group_mean(dy_xhat, gamma)
        dx = dy * gamma  # dxhat
        dx -= mean_dxhat
        dx -= xhat * mean_dxhat_xhat
        dx *= rstd
        return dx, {"gamma": dgamma, "beta": dbeta}

    def group_mean(self, x, weights=None):
        """The mean of each group, (B, H, W, C) -> (B, 1, 1, C): the same for a group's channels.

        With weights (C,), of x * weights.
        """
        xp, (b, h, w, c) = array_module(x), x.shape
        sums = xp.ones(h * w, dtype=x.dtype) @ x.reshape(b, h * w, c)  # (B, C): over pixels
        if weights is not None:
            sums = sums * weights
        means = sums.reshape(b, self.groups, -1).sum(axis=2) * (self.groups / (h * w * c))
        return xp.repeat(means, c // self.groups, axis=1).reshape(b, 1, 1, c)
