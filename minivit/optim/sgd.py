"""SGD: follow the gradient, with momentum."""

from dataclasses import dataclass

from ..arrays.backend import array_module


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum. It updates `vector` and m in place.

        m = momentum * m + g
        vector -= lr * decay * vector
        vector -= lr * m

    m is the sum of all gradients g so far; each step multiplies the older ones by `momentum`.
    Directions whose sign stays the same add up, the others cancel. The decay is decoupled, as in
    AdamW. With a momentum of 0.9 it is a tenth as strong as the same number that is added to the
    gradient, as by PyTorch's SGD.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum", ICML.
    """

    momentum: float = 0.9
    whole_matrices = False

    def init(self, vector):
        """m, zeros like `vector`."""
        return {"m": array_module(vector).zeros_like(vector)}

    def update(self, vector, gradient, state, lr, step, decay):
        """One step, in place. `decay` is the weight decay of all numbers in `vector`."""
        m = state["m"]
        m *= self.momentum
        m += gradient
        vector *= 1 - lr * decay
        vector -= lr * m
