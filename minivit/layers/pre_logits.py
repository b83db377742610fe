"""PreLogits: a hidden layer between the pooled token and the classifier."""

from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .linear import Linear


@dataclass(frozen=True)
class PreLogits:
    """Multiply the pooled token by a matrix, add a bias, and apply tanh.

        y  = tanh(x @ w + b)

        dx, dw, db = those of `Linear`, for dy * (1 - y^2)

    1 - y^2 is the derivative of tanh. With this layer the head is an MLP with one hidden layer, as
    in the paper's pre-training. For fine-tuning the authors drop the layer, and later models never
    had it, so it is here for weights published with it.

    Keeps x and 1 - y^2, D + M numbers an image.

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
        y, cache = self.linear.forward(params, x)
        y = array_module(x).tanh(y, out=y)
        return y, (cache, 1.0 - y * y)

    def backward(self, dy, cache):
        """dy (..., M) -> dx (..., D), grads."""
        cache, slope = cache
        return self.linear.backward(dy * slope, cache)
