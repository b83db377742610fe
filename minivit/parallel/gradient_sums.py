"""GradientSums: the gradients of a batch's micro-batches, added in the order of a tree.

The order is that of `parallel/tree_sum.py`, for any number of workers. Each worker adds the
gradients of neighbouring micro-batches into arrays that all workers share; what is left to add is
added slice by slice in `Update`, before a slice is used. Where several ranks train together, see
`ranks/gradient_sums.py`.
"""

from functools import cache

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device
from .cuts import cut_into
from .tree_sum import nodes_within, top, tree_sum

SMALL_BYTES = 1 << 26  # up to here every micro-batch has an array of its own


class GradientSums:
    """Flat arrays laid out as `places` says, shared by the workers: `vectors`, and their `views`.

    vectors[0] is the whole batch's gradient once all has been added. There are as many vectors as
    `prepare` needed so far.
    """

    shares = ()  # what else the workers do than train

    def __init__(self, places, size, workers, xp=np):
        self.places, self.size, self.workers, self.xp = places, size, workers, xp
        self.vectors, self.views = [], []

    def divide(self, regions):
        """Say which slice of the gradient each rank needs; the only one here needs all."""

    def share(self, count):
        """Which of a batch's `count` micro-batches come here -> (first, stop)."""
        return 0, count

    def tasks(self, count):
        """What comes here of `count` micro-batches, in tasks -> [[(first, stop), ...] for each].

        A task is one or more nodes of the tree, next to each other. Where the vectors are small, a
        micro-batch is a task, and a fast worker takes more of them; else a worker has one task.
        """
        first, stop = self.share(count)
        own = stop - first
        small = own * self.size * 4 <= SMALL_BYTES and self.workers.count > 1
        return plan(count, first, stop, own if small else min(own, self.workers.count))

    def prepare(self, count):
        """Make vectors enough for `count` micro-batches -> whether there are new ones."""
        missing = max(1, len(self.nodes(count))) - len(self.vectors)
        for _ in range(missing):
            self.vectors.append(
                to_device(self.workers.shared_zeros(self.size, np.float32), self.xp)
            )
            self.views.append(tree.views(self.vectors[-1], self.places))
        return missing > 0

    def compute(self, task, count, gradients):
        """Put the nodes of one task into their vectors. gradients(i): those of micro-batch i."""
        for node, views in zip(self.tasks(count)[task], self._own(task, count), strict=True):
            first = node[0]

            def term(index, first=first, views=views):
                """The first one of a node is kept where its sum will be."""
                terms = gradients(index)
                return self.keep(views, terms) if index == first else terms

            tree_sum(*node, term, self.add)

    def keep(self, views, gradients):
        """Copy a tree of gradients to `views` -> `views`."""
        tree.map(_overwrite, views, gradients)
        return views

    def add(self, total, gradients):
        """Add a tree of gradients to `total` -> `total`."""
        return tree.map(accumulate, total, gradients)

    def _own(self, task, count):
        """The views that belong to the nodes of one task."""
        before = sum(map(len, self.tasks(count)[:task]))
        return self.views[before : before + len(self.tasks(count)[task])]

    def nodes(self, count):
        """The nodes of all tasks, in the order of `vectors`."""
        return [node for task in self.tasks(count) for node in task]

    def meet(self, count):
        """Before `add_up`: exchange the sums with other ranks; here there are none."""

    def add_up(self, part, count):
        """Add up the slice `part` of all vectors -> the slice of the gradient, of vectors[0]."""
        held = dict(zip(self.nodes(count), self.vectors, strict=False))
        return top((0, count), held, lambda node: held[node][part], accumulate)


@cache
def plan(count, first, stop, tasks):
    """The nodes of the tree over `count` terms within first..stop-1, for so many tasks."""
    cuts = cut_into(stop - first, tasks) if tasks else []
    return [nodes_within(first + start, first + end, count) for start, end in cuts]


def accumulate(total, gradient):
    """Add one array to another, in place -> `total`."""
    total += gradient
    return total


def _overwrite(place, gradient):
    place[...] = gradient
