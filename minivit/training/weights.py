"""Weights: the parameters of a run in float32, those that learn in one flat vector."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device, to_host
from ..errors import ConfigError


class Weights:
    """The parameters of a model, in memory that all workers share.

    start: a tree of their first values; frozen: the names of the parts that do not learn. What
    learns is in `vector`, laid out as `places` says; what is frozen has a vector of its own, so
    that gradients and the optimizer's memory have no room for it. Raises ConfigError if nothing
    learns.
    """

    def __init__(self, start, frozen, workers, xp):
        self.xp, self._parts = xp, list(start)
        learning = {name: part for name, part in start.items() if name not in frozen}
        if not tree.count(learning):
            raise ConfigError("nothing is left to learn: all parameters are frozen; freeze fewer")
        still = {name: part for name, part in start.items() if name in frozen}
        self.places, self.vector = self._laid_out(learning, workers)
        self.frozen_places, self.frozen_vector = self._laid_out(still, workers)

    def _laid_out(self, start, workers):
        """Where each leaf of a tree is in one vector, and that vector."""
        places = tree.layout(start)
        size = tree.count(start)
        vector = workers.shared_zeros(max(size, 1), np.float32)[:size]  # no system shares 0 bytes
        tree.map(np.copyto, tree.views(vector, places), start)
        return places, to_device(vector, self.xp)

    @property
    def count(self):
        """How many numbers there are, with those that are frozen."""
        return len(self.vector) + len(self.frozen_vector)

    def tree_of(self, vector, frozen_vector=None):
        """The whole tree: views of `vector`, which is like `self.vector`, and of what is frozen."""
        still = self.frozen_vector if frozen_vector is None else frozen_vector
        parts = {**tree.views(vector, self.places), **tree.views(still, self.frozen_places)}
        return {name: parts[name] for name in self._parts if name in parts}

    def leaves(self, vector, whole):
        """(dotted name, leaf) on the host, of what learns; if `whole`, of what is frozen too."""
        vector = to_host(vector)
        if whole:
            return tree.walk(self.tree_of(vector, to_host(self.frozen_vector)))
        return tree.walk(tree.views(vector, self.places))

    def restore(self, vector, arrays, prefix, whole):
        """Write to `vector`, and if `whole` to what is frozen, the arrays called prefix + name."""
        self._write(vector, self.places, arrays, prefix)
        if whole:
            self._write(self.frozen_vector, self.frozen_places, arrays, prefix)

    def _write(self, vector, places, arrays, prefix):
        host = np.empty(vector.shape, np.float32)
        for name, leaf in tree.walk(tree.views(host, places)):
            leaf[...] = arrays[prefix + name]
        vector[...] = to_device(host, self.xp)
