"""Workers: NumPy on all cores, with the same bits for any number of them.

A batch is cut into micro-batches, the same ones whatever the number of workers. Each worker takes
the next micro-batch through forward and backward. Floating-point sums depend on their order, so
gradients are added in that of the micro-batches, not that in which the workers finish. The matrix
library (BLAS) is held to one thread meanwhile.

NumPy gives up Python's lock while it computes, but needs it again between any two operations, and
threads then wait for each other. So workers are processes where those can share memory by forking
(Linux, see `crew.py`), each with a Python of its own, and threads elsewhere.
"""

import contextlib
import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from ..errors import WorkerError
from .allocator import keep_memory
from .ordered_sum import ABANDONED, Abandoned, counter


def available_cores():
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """A few workers who share out numbered pieces of work; a context manager.

    The caller is the first of them; the others are processes or threads (`processes`, by default
    what the system allows). Without threadpoolctl the matrix library cannot be held back, so it
    keeps all cores to itself and one worker feeds it; `blas.note` then says so.
    """

    def __init__(self, count=None, processes=None):
        self.count = count or available_cores()
        try:
            import threadpoolctl
        except ImportError:
            self.count, self._hold = 1, contextlib.nullcontext
        else:
            blas = threadpoolctl.ThreadpoolController().select(user_api="blas")
            self._hold = lambda: blas.limit(limits=1)
        self.crew, self._pool, self._ready = None, None, False
        if self.count > 1 and (sys.platform == "linux" if processes is None else processes):
            from .processes import Crew

            self.crew = Crew(self.count - 1, self._serve)
        # which piece is to be taken next, and whose turn it is to be added
        self.next, self.turn = (self.crew.counter() if self.crew else counter() for _ in range(2))

    def __enter__(self):
        if self._ready:
            raise WorkerError("these workers are inside a `with` already; another needs its own")
        keep_memory()  # before the others start, so that it holds for them too
        self._ready = True
        if not self.crew:
            self._pool = ThreadPoolExecutor(max(1, self.count - 1), "worker")
        return self

    def __exit__(self, *exception):
        self._ready = False
        if self.crew:
            self.crew.stop()
            self.crew.methods.clear()
        else:
            self._pool.shutdown()

    def zeros(self, size, dtype):
        """An array of `size` zeros that all workers see: what one writes, the others read."""
        return self.crew.zeros(size, dtype) if self.crew else np.zeros(size, dtype)

    def enlist(self, *methods):
        """Tell the workers now what they will be asked to do.

        A process works on its own copy of all that the methods use, made now (or when the `with`
        begins its work), but for the arrays of `zeros`. Threads need not be told.
        """
        if self.crew:
            self.crew.learn(methods)
            if self._ready:
                with self._hold():
                    self.crew.start()

    def share_out(self, count, method, *args):
        """Every worker calls method(numbers, *args) -> the list of what they return.

        `numbers` gives out 0..count-1, each to the worker who asks first. If a worker fails, the
        others stop too, and its exception is raised here; they can be used again. Only inside the
        `with`, one call at a time.
        """
        if not self._ready:
            raise WorkerError("workers work inside their `with` only, on one thing at a time")
        call = self.crew.call if self.crew else self._call
        try:
            with self._hold():
                return results(call(count, method, args))
        finally:
            self._ready = True

    def _call(self, *share):
        """Everyone's share, with threads -> attempts."""
        self.next.value = self.turn.value = 0
        others = [self._pool.submit(attempt, self._serve, *share) for _ in range(self.count - 1)]
        try:
            return [attempt(self._serve, *share), *(other.result() for other in others)]
        except BaseException:  # Ctrl-C: nobody is at work when this returns
            self.next.value = self.turn.value = ABANDONED
            wait(others)
            raise

    def _serve(self, count, method, args):
        """One worker's share. NumPy's warnings are off: the trainer looks for NaN itself."""
        self._ready = False
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                return method(self._numbers(count), *args)
        except BaseException:
            self.next.value = self.turn.value = ABANDONED
            raise

    def _numbers(self, count):
        while (number := self.next.take()) < count:
            yield number


def attempt(function, *args):
    """(what function(*args) returns, None), or (None, the exception it raises)."""
    try:
        return function(*args), None
    except BaseException as error:
        return None, error


def results(attempts):
    """What the attempts returned. Raises the exception of one that failed by itself."""
    errors = [error for _, error in attempts if error]
    for error in sorted(errors, key=lambda error: isinstance(error, Abandoned)):
        raise error
    return [result for result, _ in attempts]


def cut(batch, size):
    """Cut `batch` images into micro-batches of about `size` -> [(start, stop), ...].

    Their number is a multiple of four (as far as there are images), so that two or four workers
    finish together.
    """
    pieces = -(-batch // size)
    pieces = min(batch, -(-pieces // 4) * 4) if pieces > 1 else 1
    edges = [batch * i // pieces for i in range(pieces + 1)]
    return list(itertools.pairwise(edges))
