"""GradientSums: the gradients of a batch's micro-batches, added in the order of a tree.

The order is that of `parallel/tree_sum.py`, for any number of workers. Each worker adds the
gradients of neighbouring micro-batches into arrays that all workers share; what is left to add is
added slice by slice in `Update`, before a slice is used.
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

    def __init__(self, places, size, workers, xp=np):
        self.places, self.size, self.workers, self.xp = places, size, workers, xp
        self.vectors, self.views = [], []

    def tasks(self, count):
        """`count` micro-batches in tasks for the workers -> [[(first, stop), ...] for each task].

        A task is one or more nodes of the tree, next to each other. Where the vectors are small, a
        micro-batch is a task, and a fast worker takes more of them; else a worker has one task.
        """
        small = count * self.size * 4 <= SMALL_BYTES and self.workers.count > 1
        return plan(count, count if small else min(count, self.workers.count))

    def prepare(self, count):
        """Make vectors enough for `count` micro-batches -> whether there are new ones."""
        missing = sum(map(len, self.tasks(count))) - len(self.vectors)
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

    def add_up(self, part, count):
        """Add up the slice `part` of all vectors -> the slice of the gradient, of vectors[0]."""
        nodes = [node for task in self.tasks(count) for node in task]
        held = dict(zip(nodes, self.vectors, strict=False))
        return top(count, held, lambda node: held[node][part], accumulate)


@cache
def plan(count, tasks):
    """The nodes of the tree over `count` terms, for so many tasks."""
    return [nodes_within(first, stop, count) for first, stop in cut_into(count, tasks)]


def accumulate(total, gradient):
    """Add one array to another, in place -> `total`."""
    total += gradient
    return total


def _overwrite(place, gradient):
    place[...] = gradient
