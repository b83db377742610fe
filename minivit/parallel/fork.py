"""Forked: a process that is a copy of this one, a lock between them, and memory they share."""

import contextlib
import fcntl
import mmap
import os
import signal
import tempfile
import warnings
import weakref
from typing import NamedTuple

import numpy as np

from ..errors import WorkerError


class Process:
    """A forked process that calls life(*args) and ends."""

    def __init__(self, life, *args):
        with warnings.catch_warnings():  # other threads here hold no lock that is needed there
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self.pid = os.fork()
            except OSError as error:
                words = f"no worker process could be made ({error.strerror})"
                raise WorkerError(f"{words}; --threads 1 needs none") from None
        if self.pid == 0:
            try:
                life(*args)
            finally:
                os._exit(0)  # whatever happened: the way out of here is the parent's

    def gone(self):
        """Has it ended?"""
        try:  # told, but not yet taken note of: its number is no other's until `end`
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else has taken note
            return True

    def end(self):
        """End it, if it has not, and take note."""
        if not self.gone():
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Lock:
    """A lock between processes: a file's, as the system opens that when its holder is killed."""

    def __init__(self):
        memory = hasattr(os, "memfd_create")
        self.file = open(os.memfd_create("lock"), "wb") if memory else tempfile.TemporaryFile()
        weakref.finalize(self, self.file.close)

    def __enter__(self):
        fcntl.lockf(self.file, fcntl.LOCK_EX)

    def __exit__(self, *exception):
        fcntl.lockf(self.file, fcntl.LOCK_UN)


class Place(NamedTuple):
    """Where on the board an array lies."""

    shape: tuple
    dtype: np.dtype
    start: int

    def on(self, board):
        """The array there."""
        return np.ndarray(self.shape, self.dtype, board, self.start)


def shared(size, dtype):
    """An array of `size` zeros that this process shares with those it forks."""
    return np.ndarray(size, dtype, mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize)))
