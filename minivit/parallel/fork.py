"""What worker processes need from the system: a forked process, a lock, shared memory."""

import contextlib
import fcntl
import mmap
import os
import signal
import tempfile
import warnings
import weakref

import numpy as np

from ..errors import WorkerError
from ..text import binary


class Process:
    """A forked process that calls main(*args) and then ends.

    Raises WorkerError if the system refuses to start it.
    """

    def __init__(self, main, *args):
        # Python warns about forking while threads run: a lock that one of them holds stays locked
        # in the child. Our other threads hold no lock that a worker needs.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self.pid = os.fork()
            except OSError as error:
                reason = f"cannot start a worker process ({error.strerror})"
                raise WorkerError(f"{reason}; --threads 1 needs none") from None
        if self.pid == 0:
            try:
                main(*args)
            finally:
                os._exit(0)  # never return from here: that code belongs to the parent

    def has_ended(self):
        """Whether the process has ended, by itself or killed."""
        # WNOWAIT leaves the process as a zombie until `end`, so no other process gets its number.
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else has waited for it
            return True

    def end(self):
        """Kill the process if it still runs, and wait for it, so that no zombie stays."""
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Lock:
    """A lock between processes, used in a `with`.

    It is a lock on a file, because the system releases such a lock when its holder is killed.
    """

    def __init__(self):
        memory = hasattr(os, "memfd_create")
        self.file = open(os.memfd_create("lock"), "wb") if memory else tempfile.TemporaryFile()
        weakref.finalize(self, self.file.close)

    def __enter__(self):
        fcntl.lockf(self.file, fcntl.LOCK_EX)

    def __exit__(self, *exception):
        fcntl.lockf(self.file, fcntl.LOCK_UN)


def shared_zeros(size, dtype):
    """An array of `size` zeros in memory that this process shares with those it forks later."""
    return np.ndarray(size, dtype, shared_memory(size * np.dtype(dtype).itemsize))


def shared_memory(size):
    """`size` bytes, at least 1, in such memory. Raises MemoryError if the system has none."""
    try:
        return mmap.mmap(-1, max(1, size))
    except OSError as error:
        why = f"{error.strerror}; --threads 1 has none"
        raise MemoryError(f"cannot share {binary(size)} with worker processes ({why})") from None
