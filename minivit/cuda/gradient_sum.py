"""The gradients of a micro-batch into one flat vector, in one kernel."""

from ..arrays import tree
from ..arrays.backend import array_module, to_device
from . import kernels


class FusedSum:
    """What `minivit.parallel.ordered_sum.OrderedSum` is elsewhere, for the one worker of a GPU.

    Gradients number 0 overwrite the flat array `total`, laid out as `places` says; the others are
    added to it, in the order in which they come.
    """

    def __init__(self, total, places):
        self.total = total
        self.names = sorted(places, key=places.get)
        starts = [places[name][0] for name in self.names]
        self.starts = self._upload([*starts, len(total)])
        self.addresses, self.pointers = None, None

    def add(self, number, grads):
        """Add the tree `grads`."""
        xp, leaves = array_module(self.total), dict(tree.walk(grads))
        arrays = [xp.ascontiguousarray(leaves[name]) for name in self.names]
        addresses = [kernels.address(array) for array in arrays]
        if addresses != self.addresses:  # mostly the memory of the step before
            self.addresses, self.pointers = addresses, self._upload(addresses)
        gather = kernels.kernel("optimizers", "gather", self.total.dtype.name)
        blocks = -(-len(self.total) // 256)
        arguments = (self.pointers, self.starts, len(arrays), self.total, int(number > 0))
        gather((blocks,), (256,), arguments)

    def finish(self):
        """Nothing waits: there is one worker."""

    def _upload(self, numbers):
        import numpy as np

        return to_device(np.array(numbers, np.int64), array_module(self.total))
