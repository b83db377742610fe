"""Exchange: each rank receives, for its region, the sums of gradients that other ranks have.

A rank has a share of a batch's micro-batches, and adds their gradients up as far as the tree of
`parallel/tree_sum.py` allows: often to one node. Of these sums it sends every other rank the part
that is that one's region. There the top of the tree is added. Each number of the gradient is added
at one place only, in the tree's order, so the bits are those of one rank, for any number of ranks.

MPI's own `Allreduce` would not do: it promises no order, and an implementation may choose another
one for another number of ranks, another length or another network.
"""

import numpy as np

from ..arrays.backend import to_device
from ..parallel.tree_sum import nodes_within


class Exchange:
    """What is sent and received between `ranks`; regions: a slice of the gradient for each rank.

    received: for the region of this rank, one array for each node that others have.
    """

    def __init__(self, ranks, regions, workers, xp=np):
        self.ranks, self.regions, self.workers, self.xp = ranks, regions, workers, xp
        self.received = []

    @property
    def region(self):
        """The slice of this rank."""
        return self.regions[self.ranks.rank]

    def nodes(self, count, rank=None):
        """The nodes of the tree over `count` micro-batches that a rank, or this one, adds up."""
        return nodes_within(*self.ranks.share(count, rank), count)

    def foreign(self, count):
        """The nodes of all others -> [(node, rank), ...]."""
        return [(node, other) for other in self.ranks.others for node in self.nodes(count, other)]

    def prepare(self, count):
        """Make arrays enough for `count` micro-batches -> whether there are new ones."""
        missing = len(self.foreign(count)) - len(self.received)
        size = self.region.stop - self.region.start
        for _ in range(missing):
            array = self.workers.shared_zeros(size, np.float32)
            self.received.append(to_device(array, self.xp))
        return missing > 0

    def swap(self, count, vectors):
        """Send and receive the nodes. vectors: of the nodes of this rank, whole gradients."""
        others, regions = self.ranks.others, self.regions
        sends = [(vector[regions[other]], other) for other in others for vector in vectors]
        receives = [
            (array, other)
            for (_, other), array in zip(self.foreign(count), self.received, strict=False)
        ]
        self.ranks.swap(sends, receives)

    def held(self, count, part):
        """What was received of the slice `part` of the region -> {node: array}."""
        shifted = slice(part.start - self.region.start, part.stop - self.region.start)
        nodes = [node for node, _ in self.foreign(count)]
        return {n: array[shifted] for n, array in zip(nodes, self.received, strict=False)}
