"""The walk as values that JSON can hold."""

import numpy as np

from ..arrays import tree
from .numbers import norm


def as_json(walk, names, chosen):
    """The answer, and for each layer shapes, costs and norms, forward and backward."""
    order = np.argsort(-walk.probabilities, kind="stable")
    return {
        "label": names[walk.label],
        "loss": walk.loss,
        "probabilities": {names[i]: float(walk.probabilities[i]) for i in order},
        "layers": [_layer(walk.steps[name]) for name in chosen],
    }


def _layer(step):
    """One layer; shapes without the batch axis."""
    grads = {n: {"shape": list(g.shape), "norm": norm(g)} for n, g in tree.walk(step.grads)}
    arrays = {"x": step.x, "y": step.y, "dy": step.dy, "dx": step.dx}
    sizes = {n: {"shape": list(np.shape(a))[1:], "norm": norm(a)} for n, a in arrays.items()}
    parameters = tree.count(step.params)
    about = {"name": step.name, "class": type(step.layer).__name__}
    return {**about, "parameters": parameters, "macs": step.macs, **sizes, "gradients": grads}
