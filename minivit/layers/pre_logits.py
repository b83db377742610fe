"""PreLogits: a hidden layer between the pooled token and the classifier."""

from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .linear import Linear


@dataclass(frozen=True)
class PreLogits:
    """Multiply the pooled token by a matrix, add a bias, and apply tanh.

        h          = x @ w + b
        y          = tanh(h)

        slope      = 1 - y^2                          the derivative of y by h
        dh         = dy * slope
        dx, dw, db = dh @ w^T, x^T @ dh, the sum of dh over all x, as in `Linear`

    With this layer the head is an MLP with one hidden layer, as in the paper's pre-training. For
    fine-tuning the authors drop the layer, and later models never had it.

    Keeps x, w and slope, D + M numbers an image.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1; tanh: its code, `pre_logits`.
    """

    dim: int
    hidden: int
    linear: Linear = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "linear", Linear(self.dim, self.hidden))

    def init(self, rng):
        """w (D, M) and b (M,)."""
        return self.linear.init(rng)

    def forward(self, params, x, key=None):
        """x (..., D) -> y (..., M), cache."""
        h, cache = self.linear.forward(params, x)
        y = array_module(x).tanh(h, out=h)
        slope = 1.0 - y * y
        return y, (cache, slope)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., D), grads."""
        cache, slope = cache
        dh = dy * slope
        return self.linear.backward(dh, cache)
