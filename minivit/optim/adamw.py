"""AdamW: each number changes by about the learning rate, whatever the size of its gradient."""

import math
from dataclasses import dataclass

from ..arrays.backend import array_module


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay. It updates `vector`, m and v in place.

        m = beta1 * m + (1 - beta1) * g            running mean of the gradient g
        v = beta2 * v + (1 - beta2) * g^2          and of its square
        change  = lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
        vector -= lr * decay * vector
        vector -= change

    t is the number of this step, counted from 1. m and v start at 0; the divisions by 1 - beta^t
    correct for that. m / sqrt(v) does not depend on the scale of the gradient, so each element
    changes by about lr. Weight decay acts on the weights directly: if it were added to the
    gradient, it would be divided by sqrt(v) too, and be weakest for the largest gradients.

    Source: Kingma & Ba 2015, arXiv:1412.6980, alg. 1; Loshchilov & Hutter 2019, arXiv:1711.05101,
    alg. 2 (lr multiplies the decay here, as in PyTorch).
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    whole_matrices = False  # each number separately, so `vector` may be any slice

    def init(self, vector):
        """m and v, zeros like `vector`."""
        xp = array_module(vector)
        return {"m": xp.zeros_like(vector), "v": xp.zeros_like(vector)}

    def update(self, vector, gradient, state, lr, step, decay):
        """One step, in place. `decay` is the weight decay of all numbers in `vector`."""
        xp, m, v = array_module(vector), state["m"], state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * gradient
        v *= self.beta2
        squares = gradient * gradient
        v += xp.multiply(1 - self.beta2, squares, out=squares)
        root = xp.sqrt(v)
        root /= math.sqrt(1 - self.beta2**step)  # sqrt(v / (1 - beta2^t))
        denominator = xp.add(root, self.eps, out=root)
        change = xp.divide(m, denominator, out=denominator)
        change *= lr / (1 - self.beta1**step)
        vector *= 1 - lr * decay
        vector -= change
