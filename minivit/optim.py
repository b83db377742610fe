"""Optimizers, schedules, clipping: how a gradient becomes a step.

The trainer keeps all parameters in one flat vector (`tree.views`), the leaves that weight decay
is for first. An update rule is then a few lines over whole arrays, and a value like the layers
are: it holds hyper-parameters; its memory (`state`) is handed to it. Rules are elementwise, so a
vector may be updated in pieces, by several threads, with the same result.

    state = rule.init(vector)
    rule.update(vector, gradient, state, lr, step, decay)
"""

import math
from dataclasses import dataclass

from .backend import array_module


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay; written over `vector`, m and v.

        m = beta1 * m + (1 - beta1) * g            running mean of the gradient
        v = beta2 * v + (1 - beta2) * g^2          and of its square
        vector -= lr * decay * vector
        vector -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    The divisions by 1 - beta^t make up for m and v starting at 0; t is the number of this step,
    from 1. Decay shrinks the weights themselves: inside the gradient it would be divided by
    sqrt(v) too, least where gradients are large.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101, alg. 2.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def init(self, vector):
        """m and v, zeros like `vector`."""
        xp = array_module(vector)
        return {"m": xp.zeros_like(vector), "v": xp.zeros_like(vector)}

    def update(self, vector, gradient, state, lr, step, decay):
        """One step in place. `decay` is the weight decay of all numbers in `vector`."""
        m, v = state["m"], state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * gradient
        v *= self.beta2
        square = gradient * gradient
        square *= 1 - self.beta2
        v += square
        denominator = array_module(vector).sqrt(v)
        denominator /= math.sqrt(1 - self.beta2**step)
        denominator += self.eps
        change = m / denominator
        change *= lr / (1 - self.beta1**step)
        vector *= 1 - lr * decay
        vector -= change


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum; written over `vector` and m.

        m = momentum * m + g
        vector -= lr * decay * vector
        vector -= lr * m

    Source: Sutskever et al. 2013; the decay is decoupled, as in AdamW.
    """

    momentum: float = 0.9

    def init(self, vector):
        """m, zeros like `vector`."""
        return {"m": array_module(vector).zeros_like(vector)}

    def update(self, vector, gradient, state, lr, step, decay):
        """One step in place. `decay` is the weight decay of all numbers in `vector`."""
        m = state["m"]
        m *= self.momentum
        m += gradient
        vector *= 1 - lr * decay
        vector -= lr * m


def warmup_cosine(step, steps, warmup, peak):
    """The learning rate of step 1..steps: up in a straight line, down half a cosine to 0.

        lr = peak * step / warmup                                       step <= warmup
        lr = peak * (1 + cos(pi * (step - warmup) / (steps - warmup))) / 2      after

    A pure function of the step, so that a resumed run cannot restart it. Adam's first steps rest
    on a few gradients only; warm-up keeps them small.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5; Goyal et al. 2017, section 2.2.
    """
    if step <= warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2


def sum_of_squares(gradient):
    """The sum of squares of an array, a float64 0-d array of its library.

    Summed in float64: in float32 a gradient of 1e20 overflows to infinity.
    """
    wide = gradient.astype("float64")
    wide *= wide
    return wide.sum()


def clip_scale(norm, max_norm):
    """What to multiply a gradient of length `norm` by so that it is no longer than `max_norm`.

        scale = min(1, max_norm / norm)

    Source: Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    return array_module(norm).minimum(1.0, max_norm / (norm + 1e-12))
