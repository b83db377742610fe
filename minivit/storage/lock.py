"""A run's directory belongs to one process at a time."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CheckpointError


@contextmanager
def locked(path):
    """Keep other processes from training in the directory `path`.

    It is made if need be, and removed again if nothing was written to it. The lock is the system's,
    on the directory itself, and ends with the process, however that ends. Without such locks
    (Windows, some network file systems) nothing is kept from anyone.

    Raises CheckpointError if another process holds it.
    """
    with suppress(OSError):  # whoever writes there says why not
        Path(path).mkdir(parents=True, exist_ok=True)
    handle = _handle(path)
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something: good
            Path(path).rmdir()
        if handle is not None:
            os.close(handle)


def _handle(path):
    """The directory, open and locked; None where that cannot be."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise CheckpointError(
            f"another process is training in {path}: let it end, or stop it first."
        ) from None
    except OSError:
        os.close(handle)
        return None
    return handle
