"""A lock on a run's directory: only one process at a time trains in it."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import RunError


class Claim:
    """A directory that is locked, by the handle of it or, where there are no locks, by none."""

    def __init__(self, path, handle):
        self.path, self.handle = path, handle
        self.identity = _identity(os.stat(path) if handle is None else os.fstat(handle))

    def holds(self):
        """Whether the path still is the directory that was locked: neither removed nor replaced."""
        try:
            return _identity(os.stat(self.path)) == self.identity
        except OSError:
            return False


@contextmanager
def locked(path: str | os.PathLike, made: bool = False):
    """Keep other processes from training in the directory `path` while inside the `with` -> Claim.

    The directory is made if it does not exist; if it was made here (or just before: `made`) and is
    empty at the end, it is removed. The lock is the operating system's, on the directory itself; it
    ends with the process, also when that is killed. On systems without such locks (Windows, some
    network file systems) nothing is locked.

    Raises RunError if another process has the lock, and if the directory cannot be made or opened.
    """
    place, claim = os.path.abspath(path), None
    try:
        while claim is None or not claim.holds():  # one that was removed meanwhile is made again
            if claim:
                _close(claim)
            made = _make(place) or made
            claim = Claim(place, _lock(place, path))
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"cannot make {path}: {reason}; name another place with --out.") from error
    try:
        yield claim
    finally:
        if made and claim.holds():
            with suppress(OSError):  # not empty: it stays
                os.rmdir(place)
        _close(claim)


def _identity(status):
    """What is the same for two paths exactly if they are one directory."""
    return status.st_dev, status.st_ino


def _make(path):
    """Make the directory if it is not there -> whether it was made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return False
    return True


def _close(claim):
    if claim.handle is not None:
        os.close(claim.handle)


def _lock(path, shown):
    """The handle of the directory, opened and locked; None if the system cannot lock it."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY)
    except (ImportError, PermissionError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise RunError(
            f"another process is training in {shown}: let it end, or stop it first."
        ) from None
    except OSError:
        os.close(handle)
        return None
    return handle
