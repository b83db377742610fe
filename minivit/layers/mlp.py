"""Mlp: two Linear layers with a GELU between them, on each token separately."""

from dataclasses import dataclass, field

from ..arrays.keys import at
from .dropout import Dropout
from .gelu import Gelu, GeluErf
from .linear import Linear


@dataclass(frozen=True)
class Mlp:
    """Map a token from width D to M, apply GELU, and map it back to D.

        y  = drop2(fc2(drop1(gelu(fc1(x)))))

        dx = the same five parts in reverse order; the dx of each is the dy of the next

    drop1 and drop2 are `Dropout`. Keeps x, GELU's slope and output: D + 2M numbers a token.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1; dropout: appendix B.1.
    """

    dim: int
    hidden: int
    dropout: float = 0.0
    gelu: Gelu | GeluErf = Gelu()
    fc1: Linear = field(init=False)
    fc2: Linear = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "fc1", Linear(self.dim, self.hidden))
        object.__setattr__(self, "fc2", Linear(self.hidden, self.dim))

    def init(self, rng):
        """fc1: w (D, M), b (M,); fc2: w (M, D), b (D,)."""
        return {"fc1": self.fc1.init(rng), "fc2": self.fc2.init(rng)}

    def forward(self, params, x, key=None):
        """x (..., D) -> y (..., D), cache."""
        cache, drop = {}, Dropout(self.dropout)
        h, cache["fc1"] = self.fc1.forward(params["fc1"], x)  # (..., M)
        h, cache["gelu"] = self.gelu.forward({}, h, at(key, "gelu"))
        h, cache["drop1"] = drop.forward({}, h, at(key, "drop1"))
        h, cache["fc2"] = self.fc2.forward(params["fc2"], h)  # (..., D)
        y, cache["drop2"] = drop.forward({}, h, at(key, "drop2"))
        return y, cache

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., D), grads."""
        grads, drop = {}, Dropout(self.dropout)
        dh, _ = drop.backward(dy, cache.pop("drop2"))
        dh, grads["fc2"] = self.fc2.backward(dh, cache.pop("fc2"))
        dh, _ = drop.backward(dh, cache.pop("drop1"))
        dh, _ = self.gelu.backward(dh, cache.pop("gelu"))
        dx, grads["fc1"] = self.fc1.backward(dh, cache.pop("fc1"))
        return dx, grads
