"""Optimizers, schedules, clipping: how a gradient becomes a step.

The trainer keeps all parameters in one flat vector (`tree.views`), with the leaves that weight
decay applies to in front. An update rule is then a few lines over whole arrays. Like a layer, it
holds only its hyper-parameters; its memory (`state`) is handed to it:

    state = rule.init(vector)
    rule.update(vector, gradient, state, lr, step, decay)

The rules here treat each element on its own, so a vector may be updated in pieces, by several
threads, with the same result. (Muon needs whole matrices; its m is one that AdamW's init makes.)
"""

import math
from dataclasses import dataclass

from .backend import array_module


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay; written over `vector`, m and v.

        m = beta1 * m + (1 - beta1) * g            running mean of the gradient g
        v = beta2 * v + (1 - beta2) * g^2          and of its square
        change  = lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
        vector -= lr * decay * vector
        vector -= change

    t is the number of this step, from 1. The divisions by 1 - beta^t make up for m and v starting
    at 0. m / sqrt(v) has no units: each element moves by about lr, whatever the size of its
    gradient. Decay shrinks the weights directly: added to the gradient, it would be divided by
    sqrt(v) too, and act least on the weights with the largest gradients.

    Source: Kingma & Ba 2015, arXiv:1412.6980, alg. 1; Loshchilov & Hutter 2019, arXiv:1711.05101,
    alg. 2 (lr multiplies the decay here, as in PyTorch).
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    whole = False  # each number by itself: any piece of a vector will do

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

    m is a sum of all gradients g so far, each step's share shrunk by `momentum`: directions that
    keep their sign add up, the others cancel. The decay is decoupled, as in AdamW.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum", ICML.
    """

    momentum: float = 0.9
    whole = False

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

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5; Goyal et al. 2017, arXiv:1706.02677,
    section 2.2 (warm-up).
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

    The 1e-12 in the code keeps a gradient of zeros from dividing by 0.

    Source: Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    return array_module(norm).minimum(1.0, max_norm / (norm + 1e-12))


def average(mean, vector, decay, step):
    """The exponential moving average of the weights, written over `mean` after step 1, 2, ...

        d    = min(decay, (1 + step) / (10 + step))
        mean = d * mean + (1 - d) * vector

    The noise of single steps averages out, so the mean often classifies better than the weights
    it follows. In the first steps d is smaller: the mean would else remember the random start.

    Source: Polyak & Juditsky 1992; Tan & Le 2019, arXiv:1905.11946 (in training networks).
    """
    decay = min(decay, (1 + step) / (10 + step))
    mean *= decay
    mean += (1 - decay) * vector
