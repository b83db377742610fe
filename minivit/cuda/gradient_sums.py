"""The gradients of a micro-batch into one flat vector, in one kernel."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device
from ..parallel.gradient_sums import GradientSums
from . import kernels


class FusedGradientSums(GradientSums):
    """`GradientSums` for the one worker of a GPU: it has one vector, and fills it in one kernel."""

    def __init__(self, places, size, workers, xp):
        super().__init__(places, size, workers, xp)
        self.names = sorted(places, key=places.get)
        self.starts = self._upload([*(places[name][0] for name in self.names), size])
        self.addresses, self.pointers = None, None

    def keep(self, views, gradients):
        """Copy a tree of gradients to `views` -> `views`."""
        return self._gather(gradients, add=0)

    def add(self, total, gradients):
        """Add a tree of gradients to `total` -> `total`."""
        if total is not self.views[0]:  # of a few micro-batches, not yet in the vector
            return super().add(total, gradients)
        return self._gather(gradients, add=1)

    def _gather(self, gradients, add):
        leaves, total = dict(tree.walk(gradients)), self.vectors[0]
        arrays = [self.xp.ascontiguousarray(leaves[name]) for name in self.names]
        addresses = [kernels.address(array) for array in arrays]
        if addresses != self.addresses:  # mostly the memory of the step before
            self.addresses, self.pointers = addresses, self._upload(addresses)
        gather = kernels.kernel("optimizers", "gather", total.dtype.name)
        blocks = -(-len(total) // 256)
        gather((blocks,), (256,), (self.pointers, self.starts, len(arrays), total, add))
        return self.views[0]

    def _upload(self, numbers):
        return to_device(np.array(numbers, np.int64), self.xp)
