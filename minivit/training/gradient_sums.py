"""GradientSums: the gradients of a batch's micro-batches, added in the order of a tree.

The order is that of `parallel/tree_sum.py`, for any number of workers and ranks. Each worker adds
the gradients of neighbouring micro-batches into arrays that all workers share; what is left to add
is added slice by slice in `Update`, before a slice is used. Ranks add their own shares up first,
and exchange them: see `exchange.py`.
"""

from functools import cache

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device
from ..parallel.cuts import cut_into
from ..parallel.tree_sum import nodes_within, top, tree_sum
from ..ranks.ranks import ALONE
from .exchange import Exchange

SMALL_BYTES = 1 << 26  # up to here every micro-batch has an array of its own
SLICE_SIZE = 1 << 16  # numbers that a worker adds at once: they stay in the cache


class GradientSums:
    """Flat arrays laid out as `places` says, shared by the workers: `vectors`, and their `views`.

    vectors[0] is the whole batch's gradient once all has been added; among several ranks that holds
    for this rank's region. There are as many vectors as `prepare` needed so far.
    """

    def __init__(self, places, size, workers, xp=np, ranks=ALONE):
        self.places, self.size, self.workers, self.xp = places, size, workers, xp
        self.vectors, self.views = [], []
        self.divide(ranks, [slice(0, size)] * ranks.size)

    def divide(self, ranks, regions):
        """Say for which slice of the gradient each rank needs the whole sum."""
        self.ranks, self.exchange = ranks, Exchange(ranks, regions, self.workers)

    def tasks(self, count):
        """This rank's share of `count` micro-batches in tasks -> [[(first, stop), ...] for each].

        A task is one or more nodes of the tree, next to each other. Where the vectors are small, a
        micro-batch is a task, and a fast worker takes more of them; else a worker has one task.
        """
        first, stop = self.ranks.share(count)
        own = stop - first
        small = own * self.size * 4 <= SMALL_BYTES and self.workers.count > 1
        return plan(count, first, stop, own if small else min(own, self.workers.count))

    def prepare(self, count):
        """Make vectors enough for `count` micro-batches -> whether there are new ones."""
        missing = max(1, sum(map(len, self.tasks(count)))) - len(self.vectors)
        for _ in range(missing):
            self.vectors.append(
                to_device(self.workers.shared_zeros(self.size, np.float32), self.xp)
            )
            self.views.append(tree.views(self.vectors[-1], self.places))
        return self.exchange.prepare(count) or missing > 0

    def compute(self, task, count, gradients):
        """Put the nodes of one task into their vectors. gradients(i): those of micro-batch i."""
        for node, views in zip(self.tasks(count)[task], self._own(task, count), strict=True):
            first = node[0]

            def term(index, first=first, views=views):
                """The first one of a node is kept where its sum will be."""
                terms = gradients(index)
                return keep(views, terms) if index == first else terms

            tree_sum(*node, term, add)

    def _own(self, task, count):
        """The views that belong to the nodes of one task."""
        before = sum(map(len, self.tasks(count)[:task]))
        return self.views[before : before + len(self.tasks(count)[task])]

    def _held(self, count):
        """{node: its vector} for the nodes of all tasks of this rank."""
        nodes = [node for task in self.tasks(count) for node in task]
        return dict(zip(nodes, self.vectors, strict=False))

    def meet(self, count):
        """Exchange the sums of the ranks; before that, each adds up its own."""
        if self.ranks.size == 1:
            return
        nodes, held = self.exchange.nodes(count), self._held(count)
        if nodes != list(held):
            slices = -(-self.size // SLICE_SIZE)
            self.workers.run_tasks(slices, self.own_share, count)
        by_first = {node[0]: vector for node, vector in held.items()}
        self.exchange.swap(count, [by_first[first] for first, _ in nodes])

    def own_share(self, indices, count):
        """One worker's share of adding up what this rank has, slice by slice."""
        held = self._held(count)
        for index in indices:
            part = slice(index * SLICE_SIZE, min(self.size, (index + 1) * SLICE_SIZE))
            for node in self.exchange.nodes(count):
                top(node, held, lambda node, part=part: held[node][part], accumulate)

    def add_up(self, part, count):
        """Add up the slice `part` of all vectors -> the slice of the gradient, of vectors[0]."""
        held = {node: vector[part] for node, vector in self._held(count).items()}
        if self.ranks.size == 1:
            return top((0, count), held, held.get, accumulate)
        own = {node[0]: array for node, array in held.items()}
        # `meet` has put a node's sum where its first term was
        held = {node: own[node[0]] for node in self.exchange.nodes(count)}
        held |= self.exchange.held(count, part)
        total, gradient = top((0, count), held, held.get, accumulate), self.vectors[0][part]
        if 0 not in own:  # the sum is where another rank's first node was
            gradient[...] = total
        return gradient


@cache
def plan(count, first, stop, tasks):
    """The nodes of the tree over `count` terms within first..stop-1, for so many tasks."""
    cuts = cut_into(stop - first, tasks) if tasks else []
    return [nodes_within(first + start, first + end, count) for start, end in cuts]


def keep(views, gradients):
    """Copy a tree of gradients to `views` -> `views`."""
    tree.map(_overwrite, views, gradients)
    return views


def add(total, gradients):
    """Add a tree of gradients to `total` -> `total`."""
    return tree.map(accumulate, total, gradients)


def accumulate(total, gradient):
    """Add one array to another, in place -> `total`."""
    total += gradient
    return total


def _overwrite(place, gradient):
    place[...] = gradient
