"""A model at one point, moved along a few random directions of each leaf."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import array_module, to_device
from ..arrays.keys import Key
from ..gradcheck import compare_names


class Directions:
    """The loss of a model as a function of how far each leaf is moved along random directions.

        values[leaf]     = (n,) zeros: how far along each of its n unit directions
        gradients[leaf]  = sum(gradient * direction) for each of them

    `kinks.check_with_kinks` takes it like a `Point`: an element is a direction. The arrays of
    images and params are changed in place, and are as they were after each `loss()`.
    """

    def __init__(self, model, loss_layer, params, images, targets, key=Key(0), seed=0, count=3):
        logits, cache = model.forward(params, images, key)
        dlogits = loss_layer.backward(1.0, loss_layer.forward(logits, targets)[1])
        dimages, grads = model.backward(dlogits, cache)
        compare_names(params, grads)
        self.arrays = {"images": images, **dict(tree.walk(params))}
        self.values = {name: np.zeros(count) for name in self.arrays}
        rng, xp = np.random.default_rng(seed), array_module(images)
        self.directions = {}
        for name, array in self.arrays.items():
            drawn = [rng.standard_normal(array.shape) for _ in range(count)]
            self.directions[name] = [to_device(d / np.linalg.norm(d), xp) for d in drawn]
        gradients = {**dict(tree.walk(grads)), "images": dimages}
        self.gradients = {
            name: np.array([float((gradients[name] * direction).sum()) for direction in drawn])
            for name, drawn in self.directions.items()
        }
        self._loss = lambda: loss_layer.forward(model.forward(params, images, key)[0], targets)[0]

    def loss(self):
        """The loss with every leaf moved as `values` says."""
        starts = {name: self.arrays[name].copy() for name in self.values if self.values[name].any()}
        for name in starts:
            for far, direction in zip(self.values[name], self.directions[name], strict=True):
                self.arrays[name][...] += far * direction
        loss = float(self._loss())
        for name, start in starts.items():
            self.arrays[name][...] = start
        return loss
