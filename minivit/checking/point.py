"""A layer at one point: an input, parameters and a random dy, and the gradients there."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import tree
from ..arrays.backend import array_module, to_device
from ..arrays.keys import Key
from ..gradcheck import compare_names


@dataclass(frozen=True)
class Point:
    """The loss L = sum(y * dy) of a layer, and its gradient by x and by every parameter."""

    layer: Any
    x: Any
    params: dict
    key: Key | None
    dy: Any
    values: dict  # {leaf: array}, "x" first; the arrays of x and params themselves
    gradients: dict  # {leaf: what backward returned}

    def loss(self):
        """L for the values as they are now."""
        return float((self.layer.forward(self.params, self.x, self.key)[0] * self.dy).sum())


def point_of(layer, x, params, key=Key(0), seed=0):
    """Run forward and backward once, with dy drawn from `seed` -> `Point`."""
    y, cache = layer.forward(params, x, key)
    dy = to_device(np.random.default_rng(seed).standard_normal(y.shape), array_module(x))
    dx, grads = layer.backward(dy, cache)
    compare_names(params, grads)
    values = {"x": x, **dict(tree.walk(params))}
    gradients = dict(tree.walk(grads))
    gradients = {name: dx if name == "x" else gradients[name] for name in values}
    return Point(layer, x, params, key, dy, values, gradients)
