"""A counter that all workers see: it gives each task to one of them."""

import threading

import numpy as np

ABORTED = -1  # the value after a worker has failed


class Aborted(Exception):  # noqa: N818
    """Another worker has failed, so this one stops too."""


class Counter:
    """An integer that all workers see: an array of one element, and the lock that guards it.

    check: a function that is called before each task; it raises an exception if another worker has
    ended.
    """

    def __init__(self, lock, array, check):
        self.lock, self.array, self.check = lock, array, check

    def set(self, number):
        """Make it `number`: 0 at the start of a call, ABORTED after a worker has failed."""
        with self.lock:
            self.array[0] = number

    def take(self):
        """Return the value and add 1 to it: each number goes to one worker only.

        Raises Aborted after a worker has failed.
        """
        self.check()
        with self.lock:
            number = int(self.array[0])
            if number == ABORTED:
                raise Aborted
            self.array[0] += 1
            return number


def thread_counter():
    """A Counter for threads, 0 at first."""
    return Counter(threading.Lock(), np.zeros(1, np.int64), lambda: None)
