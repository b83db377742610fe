"""What the gradient checks of the losses begin with: outputs, and every kind of target."""

import numpy as np

from ..arrays.backend import to_device
from ..arrays.keys import generator
from ..layers import CrossEntropy, SigmoidCrossEntropy, SquaredError
from .sizes import B, C


def _cross_entropy(rng):
    return {
        "labels": (CrossEntropy(), rng.integers(C, size=B)),
        "smoothed": (CrossEntropy(0.1), rng.integers(C, size=B)),
        "soft": (CrossEntropy(), rng.dirichlet(np.ones(C), B)),
        "weights": (CrossEntropy(), rng.uniform(0, 2, (B, C))),  # rows that do not sum to 1
    }


def _squared_error(rng):
    return {"numbers": (SquaredError(), rng.standard_normal((B, C)))}


def _sigmoid_cross_entropy(rng):
    return {
        "yes and no": (SigmoidCrossEntropy(), rng.integers(2, size=(B, C)).astype(np.float64)),
        "shares": (SigmoidCrossEntropy(), rng.random((B, C))),
    }


LOSSES = {  # name: rng -> {kind of target: (loss, targets)}
    "CrossEntropy": _cross_entropy,
    "SquaredError": _squared_error,
    "SigmoidCrossEntropy": _sigmoid_cross_entropy,
}


def loss_cases(name="CrossEntropy", xp=np, seed=0):
    """A loss with every kind of target: {kind: (loss layer, outputs, targets)}."""
    rng, cases = generator(seed, name), {}
    for kind, (loss_layer, targets) in LOSSES[name](rng).items():
        outputs = to_device(rng.standard_normal((B, C)), xp)
        cases[kind] = loss_layer, outputs, to_device(targets, xp)
    return cases
