"""Workers: NumPy on all cores, with the same bits for any number of workers.

A batch is cut into micro-batches, the same ones for any number of workers. Each worker takes the
next micro-batch, and computes its forward and backward pass. The rounding of a floating-point sum
depends on the order of its terms, so gradients are added in the order of a fixed tree over the
micro-batches (`tree_sum.py`), not in the order in which workers finish. Meanwhile the matrix
library (BLAS) may use one thread only, so that its threads do not compete with the workers for the
cores.

Why processes: NumPy releases Python's global lock while it computes, but needs it again between any
two operations, and threads then wait for each other. So workers are processes, each with its own
Python, where processes can share memory by forking (Linux, `processes.py`). Elsewhere they are
threads.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import DTypeLike

from ..errors import WorkerError
from .allocator import keep_freed_memory
from .counter import ABORTED, thread_counter
from .outcome import outcome_of, results_of

MOST_WORKERS = 1024  # few machines have more cores; a mistyped 100000 starts no processes


def available_cores() -> int:
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.lru_cache(maxsize=1)
def blas_libraries(modules: int):
    """The matrix libraries of this process, as threadpoolctl has them.

    modules: how many modules have been imported. While these are the same, no library is new, and
    none is looked for: that takes a quarter of the time in which a small model sees an image.
    """
    import threadpoolctl

    return threadpoolctl.ThreadpoolController().select(user_api="blas")


class Workers:
    """A few workers that share numbered tasks; a context manager.

    count: how many, by default one for each available core. The caller is one of them; the others
    are processes or threads. processes: which of the two, by default processes on Linux.
    one_blas_thread: False, for one worker, leaves the matrix library all threads that it has.

    Where the system has no thread left, there are fewer workers than asked for.

    Without threadpoolctl the matrix library cannot be limited to one thread. Then there is one
    worker, and the library uses all cores; `blas.note` says so.

        processes     the other workers, a `WorkerProcesses`; None if they are threads or none
        next_task     a Counter: the task that the next worker to ask gets
    """

    def __init__(
        self,
        count: int | None = None,
        processes: bool | None = None,
        one_blas_thread: bool = True,
    ):
        self.count = min(available_cores(), MOST_WORKERS) if count is None else count
        if not 1 <= self.count <= MOST_WORKERS:
            raise WorkerError(f"workers must be 1 to {MOST_WORKERS}; got {count!r}")
        try:
            import threadpoolctl  # noqa: F401
        except ImportError:
            self.count, self._one_blas_thread = 1, contextlib.nullcontext
        else:
            self._one_blas_thread = lambda: blas_libraries(len(sys.modules)).limit(limits=1)
        if not one_blas_thread:
            self._one_blas_thread = contextlib.nullcontext
        self.processes, self._threads = None, None
        self._ready = False  # inside the `with`, and not in a call
        if self.count > 1 and (sys.platform == "linux" if processes is None else processes):
            # here, because Windows has no fork, and some Pythons lack what this needs (fcntl)
            with contextlib.suppress(ImportError):
                from .processes import WorkerProcesses

                self.processes = WorkerProcesses(self.count - 1, self._run_share)
        self.next_task = self.processes.counter if self.processes else thread_counter()

    def __enter__(self):
        if self._ready:
            raise WorkerError(
                "these workers are already inside a `with`; make new Workers for another"
            )
        keep_freed_memory()  # before the other workers start, so that it applies to them too
        self._ready = True
        if not self.processes:
            self._threads = ThreadPoolExecutor(max(1, self.count - 1), "worker")
        return self

    def __exit__(self, *exception):
        self._ready = False
        if self.processes:
            self.processes.stop()
            self.processes.methods.clear()
        else:
            self._threads.shutdown()

    def shared_zeros(self, size: int, dtype: DTypeLike) -> np.ndarray:
        """An array of `size` zeros that all workers share: what one writes, the others read."""
        return self.processes.shared_zeros(size, dtype) if self.processes else np.zeros(size, dtype)

    def register(self, *methods: Callable) -> None:
        """Tell the workers which methods `run_tasks` will call; worker processes start now.

        A worker process has its own copy of every object that the methods use, as it is now (or at
        the first call, if this is before the `with`). Only arrays from `shared_zeros` are shared.
        Changes to other objects are not seen until the next `register`. With threads this does
        nothing.
        """
        if self.processes:
            self.processes.register(methods)
            if self._ready:
                with self._one_blas_thread():
                    self.processes.start()

    def keep(self, size: int) -> None:
        """Start no process from now on: those that run are enough for calls with `size` bytes.

        Call it after `register`, and before what does not bear a fork, such as MPI. A call after a
        worker has failed raises WorkerError then.
        """
        if self.processes:
            self.processes.keep(size)

    def run_tasks(self, count: int, method: Callable, *args) -> list:
        """Call method(task_numbers, *args) in every worker -> a list of what they return.

        `task_numbers` is an iterator. It gives each of 0..count-1 to one worker, to the first that
        asks. If a worker raises an exception, the others stop too, and it is raised here; the
        workers can be used again. Raises WorkerError if a worker process is killed, outside of the
        `with`, and inside another call.
        """
        if not self._ready:
            raise WorkerError("workers run tasks inside their `with` only, one call at a time")
        call = self.processes.call if self.processes else self._call_threads
        try:
            with self._one_blas_thread():
                return results_of(call(count, method, args))
        finally:
            self._ready = True

    def _call_threads(self, *share):
        """Run every worker's share, with threads -> Outcomes.

        Where the system has no thread left, fewer workers do all the tasks, now and later.
        """
        self.next_task.set(0)
        others, refused = [], False
        try:
            while len(others) < self.count - 1 and not refused:
                try:
                    others.append(self._threads.submit(outcome_of, self._run_share, *share))
                except RuntimeError:
                    refused = True
            return [outcome_of(self._run_share, *share), *(other.result() for other in others)]
        except BaseException:  # Ctrl-C: return only when no worker is at work any more
            self.next_task.set(ABORTED)
            wait(others)
            raise
        finally:
            if refused:  # its share is queued all the same, and must not meet a later call
                self._threads.shutdown()
                self.count = 1 + len(others)
                self._threads = ThreadPoolExecutor(max(1, len(others)), "worker")

    def _run_share(self, count, method, args):
        """One worker's share of a call. NumPy's warnings are off: the trainer checks for NaN."""
        self._ready = False
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                return method(self._task_numbers(count), *args)
        except BaseException:
            self.next_task.set(ABORTED)
            raise

    def _task_numbers(self, count) -> Iterator[int]:
        while (number := self.next_task.take()) < count:
            yield number
