"""HeadHidden: a hidden layer with GELU between the pooled token and the head."""

from dataclasses import dataclass, field

from ..arrays.keys import at
from .gelu import Gelu, GeluErf
from .linear import Linear


@dataclass(frozen=True)
class HeadHidden:
    """Multiply the pooled token by a matrix, add a bias, and apply GELU.

        h          = x @ w + b
        y          = gelu(h)

        dh         = dy * gelu'(h)
        dx, dw, db = dh @ w^T, x^T @ dh, the sum of dh over all x, as in `Linear`

    With this layer the head is an MLP with one hidden layer of any width, as many people put it on
    a published model when they predict a number, not a class. It starts at random and the matrix
    after it at zero; so the first step teaches that matrix only, and the next ones both.

    Keeps x and GELU's slope, D + M numbers an image.

    Source: `PreLogits` is the paper's own hidden layer, with tanh; GELU: see `Gelu`.
    """

    dim: int
    hidden: int
    gelu: Gelu | GeluErf = Gelu()
    linear: Linear = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "linear", Linear(self.dim, self.hidden))

    def init(self, rng):
        """w (D, M) and b (M,)."""
        return self.linear.init(rng)

    def forward(self, params, x, key=None):
        """x (..., D) -> y (..., M), cache."""
        cache = {}
        h, cache["linear"] = self.linear.forward(params, x)
        y, cache["gelu"] = self.gelu.forward({}, h, at(key, "gelu"))
        return y, cache

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., D), grads."""
        dh, _ = self.gelu.backward(dy, cache.pop("gelu"))
        return self.linear.backward(dh, cache.pop("linear"))
