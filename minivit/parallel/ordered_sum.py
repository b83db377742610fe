"""Order: numbers that all workers see, and sums whose order no worker's pace can change."""

import threading
import time
from itertools import chain

import numpy as np

from ..arrays import tree

ABANDONED = -1
NAP = 1e-4  # seconds: little beside a micro-batch


class Abandoned(Exception):  # noqa: N818
    """Another worker failed, so this one need not go on."""


class Counter:
    """A whole number that all workers see: an array of one, and its lock.

    check: called now and then; it raises when another worker is gone.
    """

    def __init__(self, lock, cell, check):
        self.lock, self.cell, self.check = lock, cell, check

    @property
    def value(self):
        """The number. Raises Abandoned once a worker has failed."""
        with self.lock:  # who sees the number then sees all that was written before it, too
            return self._read()

    @value.setter
    def value(self, number):
        with self.lock:
            self.cell[0] = number

    def take(self):
        """The number; the next to ask gets the one after it."""
        self.check()
        with self.lock:
            number = self._read()
            self.cell[0] += 1
            return number

    def wait_for(self, number):
        """Return once the value is `number`.

        Looking again and again needs nobody to wake us, who might be killed before doing so.
        """
        while self.value != number:
            self.check()
            time.sleep(NAP)

    def _read(self):
        if self.cell[0] == ABANDONED:
            raise Abandoned
        return int(self.cell[0])


def counter():
    """A Counter for threads."""
    return Counter(threading.Lock(), np.zeros(1, np.int64), lambda: None)


def in_order(found):
    """What workers found, [(number, result), ...] from each, -> the results by rising number."""
    pairs = sorted(chain.from_iterable(found), key=lambda pair: pair[0])
    return [result for _, result in pairs]


class OrderedSum:
    """Add gradient trees into `total`, which all workers see, in the order of their numbers.

    Each worker has one of these and hands in its trees by rising number; `turn` is the number that
    is to be added next. A tree that comes too early waits here while its worker goes on. Number 0
    overwrites what was there.
    """

    def __init__(self, total, turn):
        self.total, self.turn, self.waiting = total, turn, []

    def put(self, number, grads):
        """Hand in tree `number`."""
        self.waiting.append((number, grads))
        while self.waiting and self.turn.value == self.waiting[0][0]:
            self._add()

    def finish(self):
        """Add those that wait, each when its turn has come."""
        while self.waiting:
            self.turn.wait_for(self.waiting[0][0])
            self._add()

    def _add(self):
        number, grads = self.waiting.pop(0)
        tree.map(_overwrite if number == 0 else _add, self.total, grads)
        self.turn.value = number + 1


def _overwrite(total, gradient):
    total[...] = gradient


def _add(total, gradient):
    total += gradient
