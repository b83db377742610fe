"""Ranks: the processes that train one model together, on one machine or many.

This class is also the usual case, a process on its own: rank 0 of 1, which never communicates.
`World` (world.py) sends with MPI; tests send between threads. What they share is written here, on
top of two operations, `swap` and `concatenate`.
"""

from ..parallel.cuts import cut_into


class Ranks:
    """Who takes part in a step, and how arrays and values get from one to another.

    rank: the number of this one, from 0; size: how many there are. Only rank 0 writes and prints.
    All ranks call the same methods in the same order.
    """

    rank, size = 0, 1

    def swap(self, sends, receives):
        """Send and receive arrays: [(array, other rank), ...] each, contiguous; wait for all.

        Between two ranks the arrays arrive in the order in which they were listed.
        """

    def concatenate(self, *lists):
        """Each list with those of all ranks behind each other, in the order of the ranks."""
        return lists

    def signal(self, interrupts):
        """The signal that ends the run after this step, the same on all ranks; None if none.

        interrupts: an `Interrupts`, what has arrived at this rank.
        """
        return interrupts.number

    def share(self, count, rank=None):
        """The tasks of `count` that a rank has, by default this one -> (first, stop)."""
        return cut_into(count, self.size)[self.rank if rank is None else rank]

    def own(self, cuts):
        """What this rank has of a batch so cut -> (first, stop), slice of the images."""
        first, stop = self.share(len(cuts))
        images = slice(cuts[first][0], cuts[stop - 1][1]) if first < stop else slice(0, 0)
        return (first, stop), images

    @property
    def others(self):
        """The numbers of all other ranks; each begins with another, so that none is rushed at."""
        return [(self.rank + i) % self.size for i in range(1, self.size)]

    def spread(self, vector, regions):
        """Make `vector` whole on every rank. regions: the slice that each rank has worked out."""
        sends = [(vector[regions[self.rank]], other) for other in self.others]
        self.swap(sends, [(vector[regions[other]], other) for other in self.others])

    def collect(self, vector, regions):
        """Make `vector` whole on rank 0."""
        if self.rank:
            self.swap([(vector[regions[self.rank]], 0)], [])
        else:
            self.swap([], [(vector[regions[other]], other) for other in self.others])


ALONE = Ranks()
