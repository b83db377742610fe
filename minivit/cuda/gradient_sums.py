"""The gradients of a micro-batch into one flat vector, in one kernel."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device
from ..parallel.gradient_sums import GradientSums
from . import kernels


class FusedGradientSums(GradientSums):
    """`GradientSums` for the one worker of a GPU: it fills a vector in one kernel.

    There is one vector, or with several ranks one for each node of the tree.
    """

    def __init__(self, places, size, workers, xp):
        super().__init__(places, size, workers, xp)
        self.names = sorted(places, key=places.get)
        self.starts = self._upload([*(places[name][0] for name in self.names), size])
        self.addresses, self.pointers = None, None

    def keep(self, views, gradients):
        """Copy a tree of gradients to `views` -> `views`."""
        return self._gather(views, gradients, add=0)

    def add(self, total, gradients):
        """Add a tree of gradients to `total` -> `total`."""
        if not any(total is views for views in self.views):  # of a few micro-batches: no vector
            return super().add(total, gradients)
        return self._gather(total, gradients, add=1)

    def _gather(self, views, gradients, add):
        total = next(v for v, own in zip(self.vectors, self.views, strict=True) if own is views)
        leaves = dict(tree.walk(gradients))
        arrays = [self.xp.ascontiguousarray(leaves[name]) for name in self.names]
        addresses = [kernels.address(array) for array in arrays]
        if addresses != self.addresses:  # mostly the memory of the step before
            self.addresses, self.pointers = addresses, self._upload(addresses)
        gather = kernels.kernel("optimizers", "gather", total.dtype.name)
        blocks = -(-len(total) // 256)
        gather((blocks,), (256,), (self.pointers, self.starts, len(arrays), total, add))
        return views

    def _upload(self, numbers):
        return to_device(np.array(numbers, np.int64), self.xp)
