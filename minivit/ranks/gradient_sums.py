"""The gradients of a batch whose micro-batches are shared out among ranks.

Each rank adds up what it has as far as the tree allows, and receives, for its region of the
parameters, what the others have: see `exchange.py`. These classes stand before a `GradientSums`.
"""

from ..parallel.cuts import cut_into
from ..parallel.gradient_sums import accumulate
from ..parallel.tree_sum import top
from .exchange import Exchange

SLICE_SIZE = 1 << 16  # numbers that a worker adds at once: they stay in the cache


class Ranked:
    """A `GradientSums` of one of several ranks: vectors[0] is the whole sum in its region only.

    The region is known once `divide` was called, before the first gradient.
    """

    def __init__(self, places, size, workers, xp, ranks):
        super().__init__(places, size, workers, xp)
        self.ranks, self.exchange = ranks, None

    @property
    def shares(self):
        """What else the workers do than train."""
        return (self.own_share,)

    def divide(self, regions):
        """Say which slice of the gradient each rank needs."""
        self.exchange = Exchange(self.ranks, regions, self.workers, self.xp)

    def share(self, count):
        """Which of a batch's `count` micro-batches this rank has -> (first, stop)."""
        return self.ranks.share(count)

    def prepare(self, count):
        """Make arrays enough for `count` micro-batches -> whether there are new ones."""
        new = self.exchange.prepare(count)
        return super().prepare(count) or new

    def meet(self, count):
        """Add up what this rank has, and exchange the sums with the others."""
        nodes, held = self.exchange.nodes(count), self.nodes(count)
        if nodes != held:
            slices = -(-self.size // SLICE_SIZE)
            self.workers.run_tasks(slices, self.own_share, count)
        by_first = self._by_first(count)
        self.exchange.swap(count, [by_first[first] for first, _ in nodes])

    def own_share(self, indices, count):
        """One worker's share of adding up what this rank has, slice by slice."""
        held = dict(zip(self.nodes(count), self.vectors, strict=False))
        for index in indices:
            part = slice(index * SLICE_SIZE, min(self.size, (index + 1) * SLICE_SIZE))
            for node in self.exchange.nodes(count):
                top(node, held, lambda node, part=part: held[node][part], accumulate)

    def add_up(self, part, count):
        """Add up the slice `part` of all ranks' sums -> the slice of the gradient, of vectors[0].

        part: within this rank's region.
        """
        own = self._by_first(count)  # `meet` has put a node's sum where its first term was
        held = {node: own[node[0]][part] for node in self.exchange.nodes(count)}
        held |= self.exchange.held(count, part)
        total, gradient = top((0, count), held, held.get, accumulate), self.vectors[0][part]
        if 0 not in own:  # the sum is where another rank's first node was
            gradient[...] = total
        return gradient

    def _by_first(self, count):
        """{the first term of a node that this rank computes: its vector}."""
        nodes = self.nodes(count)
        return {first: vector for (first, _), vector in zip(nodes, self.vectors, strict=False)}


class RankedWhole(Ranked):
    """The same on GPUs: the regions are added up and exchanged too, so vectors[0] is whole.

    Then every rank updates all parameters. That costs a GPU next to nothing, and no step waits for
    what the host would have to know: the length of the gradient, say.
    """

    def __init__(self, places, size, workers, xp, ranks):
        super().__init__(places, size, workers, xp, ranks)
        super().divide([slice(*cut) for cut in cut_into(size, ranks.size)])

    def divide(self, regions):
        """Nothing: the gradient is divided already, and the update of parameters is not."""

    def meet(self, count):
        """Add everything up, and give it to all."""
        super().meet(count)
        super().add_up(self.exchange.region, count)
        self.ranks.spread(self.vectors[0], self.exchange.regions)

    def add_up(self, part, count):
        """The slice `part` of the gradient."""
        return self.vectors[0][part]
