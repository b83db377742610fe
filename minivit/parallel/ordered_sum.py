"""Sums whose order does not depend on how fast each worker is.

Floating-point addition is not associative: (a + b) + c and a + (b + c) can round to different bits.
So gradients are added in the order of their numbers, 0, 1, 2, ..., and the sum has the same bits
for any number of workers. A `Counter`, which all workers see, says which number is added next.
"""

import threading
import time
from itertools import chain

import numpy as np

from ..arrays import tree

ABORTED = -1  # a counter's value after a worker has failed
SLEEP_SECONDS = 1e-4  # between two looks at a counter: short compared with a micro-batch


class Aborted(Exception):  # noqa: N818
    """Another worker has failed, so this one stops too."""


class Counter:
    """An integer that all workers see: an array of one element, and the lock that guards it.

    check: a function that is called while a worker waits, and before each task; it raises an
    exception if another worker has ended.
    """

    def __init__(self, lock, array, check):
        self.lock, self.array, self.check = lock, array, check

    @property
    def value(self):
        """The counter's value. Raises Aborted after a worker has failed."""
        with self.lock:  # the reader of a new value also sees everything written before it
            return self._read()

    @value.setter
    def value(self, number):
        with self.lock:
            self.array[0] = number

    def take(self):
        """Return the value and add 1 to it: each number goes to one worker only."""
        self.check()
        with self.lock:
            number = self._read()
            self.array[0] += 1
            return number

    def wait_for(self, number):
        """Return when the value is `number`.

        This looks again and again, instead of being woken up by another worker: that one could be
        killed before it does so.
        """
        while self.value != number:
            self.check()
            time.sleep(SLEEP_SECONDS)

    def _read(self):
        if self.array[0] == ABORTED:
            raise Aborted
        return int(self.array[0])


def thread_counter():
    """A Counter for threads, 0 at first."""
    return Counter(threading.Lock(), np.zeros(1, np.int64), lambda: None)


def in_order(numbered_results):
    """[(number, result), ...] from every worker -> one list of results, by rising number."""
    pairs = sorted(chain.from_iterable(numbered_results), key=lambda pair: pair[0])
    return [result for _, result in pairs]


class OrderedSum:
    """Adds trees of gradients into `total`, in the order of their numbers.

    Every worker has an OrderedSum of its own; `total` (a tree of arrays) and `next_to_add` (a
    Counter) are shared by all. A worker adds its trees by rising number. A tree whose number is not
    the next one waits in this object, and the worker goes on with another task. Tree 0 overwrites
    what `total` held before.
    """

    def __init__(self, total, next_to_add):
        self.total, self.next_to_add, self.waiting = total, next_to_add, []

    def add(self, number, grads):
        """Add tree `number` now if it is the next one, else when it is."""
        self.waiting.append((number, grads))
        while self.waiting and self.next_to_add.value == self.waiting[0][0]:
            self._add()

    def finish(self):
        """Add the trees that still wait, each as soon as its number is the next one."""
        while self.waiting:
            self.next_to_add.wait_for(self.waiting[0][0])
            self._add()

    def _add(self):
        """Add the first waiting tree; its number is the next one."""
        number, grads = self.waiting.pop(0)
        tree.map(_overwrite if number == 0 else _accumulate, self.total, grads)
        self.next_to_add.value = number + 1


def _overwrite(total, gradient):
    total[...] = gradient


def _accumulate(total, gradient):
    total += gradient
