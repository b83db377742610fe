"""A lock on a run's directory: only one process at a time trains in it."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import RunError


@contextmanager
def locked(path: str | os.PathLike):
    """Keep other processes from training in the directory `path` while inside the `with`.

    The directory is made if it does not exist, and removed at the end if it is empty. The lock is
    the operating system's, on the directory itself; it ends with the process, also when that is
    killed. On systems without such locks (Windows, some network file systems) nothing is locked.

    Raises RunError if another process has the lock.
    """
    with suppress(OSError):  # the first write to the directory says what is wrong
        Path(path).mkdir(parents=True, exist_ok=True)
    handle = _lock(path)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty: it stays
            Path(path).rmdir()
        if handle is not None:
            os.close(handle)


def _lock(path):
    """The handle of the directory, opened and locked; None if the system cannot lock it."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise RunError(
            f"another process is training in {path}: let it end, or stop it first."
        ) from None
    except OSError:
        os.close(handle)
        return None
    return handle
