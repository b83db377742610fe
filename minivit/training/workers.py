"""Worker threads: NumPy on all cores, with the same bits for any number of them.

A batch is cut into micro-batches, the same ones whatever the number of threads. Each worker takes
the next micro-batch through forward and backward. They run at the same time because NumPy and the
matrix library (BLAS) release Python's lock; BLAS itself is held to one thread meanwhile. Floating-
point sums depend on their order, so gradients are added in that of the micro-batches, not that in
which the workers finish.
"""

import contextlib
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .. import tree
from .memory import keep_memory


def available_cores():
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """A few threads that share out numbered pieces of work; a context manager.

    Without threadpoolctl the matrix library cannot be held back, so it keeps all cores to itself
    and one worker feeds it; `note` then says so.
    """

    def __init__(self, threads=None):
        self.threads, self.note = threads or available_cores(), ""
        self._stack = contextlib.ExitStack()
        try:
            import threadpoolctl
        except ImportError:
            if self.threads > 1:
                self.note = (
                    "one worker thread: threadpoolctl is not installed (pip install threadpoolctl "
                    "for several)"
                )
            self.threads, self._limits = 1, None
        else:
            self._limits = threadpoolctl.threadpool_limits

    def __enter__(self):
        keep_memory()
        if self._limits:
            self._stack.enter_context(self._limits(1, user_api="blas"))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(self.threads, "worker"))
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def map(self, function, items):
        """[function(item) for item in items], in that order, on all threads.

        NumPy's warnings of overflow and NaN are off: the trainer looks for them itself.
        """
        function = np.errstate(over="ignore", invalid="ignore")(function)
        if self.threads == 1:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))


class OrderedSum:
    """Add gradient trees into one, in the order of their numbers, as they become ready.

    The thread that brings the tree whose turn it is adds it, and any that waited for it; a thread
    that comes too early, or finds another one adding, leaves its tree and goes on working. Number 0
    overwrites what was there.
    """

    def __init__(self, total):
        self.total, self.turn, self.waiting = total, 0, {}
        self.lock, self.busy = threading.Lock(), False

    def put(self, number, grads):
        """Hand in tree `number`; each number from 0 once."""
        with self.lock:
            self.waiting[number] = grads
            if self.busy:
                return
            self.busy = True
        while True:
            with self.lock:
                grads = self.waiting.pop(self.turn, None)
                if grads is None:
                    self.busy = False
                    return
            # outside the lock, so that others can hand in; only the busy thread comes here
            tree.map(_overwrite if self.turn == 0 else _add, self.total, grads)
            self.turn += 1


def _overwrite(total, gradient):
    total[...] = gradient


def _add(total, gradient):
    total += gradient


def cut(batch, size):
    """Cut `batch` images into micro-batches of about `size` -> [(start, stop), ...].

    Their number is a multiple of four (as far as there are images), so that two or four workers
    finish together.
    """
    pieces = -(-batch // size)
    pieces = min(batch, -(-pieces // 4) * 4) if pieces > 1 else 1
    edges = [batch * i // pieces for i in range(pieces + 1)]
    return list(itertools.pairwise(edges))
