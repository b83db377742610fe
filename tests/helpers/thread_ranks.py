"""Ranks that are threads of one process, for tests: arrays and lists go through queues."""

import queue
import threading
from itertools import chain

from minivit.ranks.ranks import Ranks


class ThreadRank(Ranks):
    """One of `size` ranks. pipes: {(from, to): Queue}, shared by all; sent: numbers sent so far."""

    def __init__(self, rank, size, pipes):
        self.rank, self.size, self.pipes, self.sent = rank, size, pipes, 0

    def swap(self, sends, receives):
        for array, other in sends:
            self.sent += array.size
            self.pipes[self.rank, other].put(array.copy())
        for array, other in receives:
            array[...] = self.pipes[other, self.rank].get(timeout=60)

    def concatenate(self, *lists):
        for other in self.others:
            self.pipes[self.rank, other].put(lists)
        by_rank = {o: self.pipes[o, self.rank].get(timeout=60) for o in self.others}
        by_rank[self.rank] = lists
        ordered = [by_rank[rank] for rank in range(self.size)]
        return tuple(list(chain(*parts)) for parts in zip(*ordered, strict=True))


def together(size, main):
    """Call main(rank) in a thread for each of `size` ranks -> what they return."""
    pipes = {(a, b): queue.Queue() for a in range(size) for b in range(size)}
    results, errors = [None] * size, []

    def call(rank):
        try:
            results[rank] = main(ThreadRank(rank, size, pipes))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
    return results
