"""LayerNorm: bring every token to the same scale."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from .draws import ones, zeros
from .sums import feature_mean, token_sum


@dataclass(frozen=True)
class LayerNorm:
    """Normalise each token to mean 0 and variance 1, then scale and shift it.

        xhat = (x - mean) * rstd            rstd = 1 / sqrt(var + eps)
        y    = gamma * xhat + beta

        dgamma = sum over tokens of dy * xhat        dbeta = sum over tokens of dy
        dxhat  = dy * gamma
        dx     = rstd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))

    mean(.) and var are over the D numbers of one token. If mean and rstd were constants, dx would
    be rstd * dxhat. But x changes both; the other two terms account for that. Normalising removes
    any shift and any stretch of the token, so dx has no component along either. README.md derives
    the last line ("One layer, from equation to check").

    The variance is computed in two passes, as the mean of (x - mean)^2: in float32, at mean 1e4
    and variance 1, mean(x^2) - mean(x)^2 is wrong by tens.

    Keeps xhat and rstd, D + 1 numbers a token.

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450, eq. 4.
    """

    dim: int
    eps: float = 1e-6

    def init(self, rng):
        """gamma (D,) ones, beta (D,) zeros."""
        return {"gamma": ones(rng, self.dim), "beta": zeros(rng, self.dim)}

    def forward(self, params, x, key=None):
        """x (..., D) -> y (..., D), cache."""
        xp = array_module(x)
        centred = x - feature_mean(x)
        squares = centred * centred
        var = feature_mean(squares)  # (..., 1)
        rstd = 1.0 / xp.sqrt(var + self.eps)
        xhat = xp.multiply(centred, rstd, out=centred)
        y = xp.multiply(xhat, params["gamma"], out=squares)
        y += params["beta"]
        return y, (xhat, rstd, params["gamma"])

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., D), grads."""
        xhat, rstd, gamma = cache
        dy_xhat = dy * xhat
        dgamma = token_sum(dy_xhat)
        dbeta = token_sum(dy)
        dxhat = dy * gamma
        mean_dxhat = feature_mean(dxhat)  # (..., 1)
        mean_dxhat_xhat = feature_mean(dy_xhat, gamma)  # (..., 1); dy_xhat * gamma = dxhat * xhat
        dx = dxhat - mean_dxhat
        dx -= xhat * mean_dxhat_xhat
        dx *= rstd
        return dx, {"gamma": dgamma, "beta": dbeta}
