"""Files that are whole or not there: written beside their place, then moved into it."""

import errno
import glob
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CheckpointError

# The errors of a disk, a quota or a process that may write no more.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def replacing(path):
    """Yield a temporary path beside `path`, to be filled; then put it in `path`'s place.

    Until the one atomic step, `os.replace`, whoever opens `path` finds the old file; after it,
    the new one. On any failure the temporary file is removed and the old file stays as it was;
    an OSError (disk full, not writable) becomes a CheckpointError. A killed process leaves its
    temporary file behind; the next one to write `path` removes it.
    """
    path = Path(os.path.realpath(path))  # through a symbolic link: write where it points
    if os.path.isdir(path):
        raise CheckpointError(f"cannot write {path}: it is a directory; name a file in it.")
    temporary = path.with_name(f".minivit-{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        yield temporary
        os.replace(temporary, path)
        with suppress(OSError):  # the rename itself to disk; not every system can
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except FileExistsError as error:
        raise CheckpointError(f"cannot write {path}: {path.parent} is not a directory.") from error
    except OSError as error:
        advice = "free some space" if error.errno in FULL else "choose another place"
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error}; what was there before is untouched, "
            f"{advice}."
        ) from error
    finally:
        # Gone already if it was moved; still there if it was a second name of the same file,
        # which `os.replace` leaves alone.
        with suppress(OSError):
            temporary.unlink()


def sweep(directory, name=None):
    """Remove the temporary files that a killed process left for `name`, or for any file."""
    pattern = "*" if name is None else glob.escape(name)
    for stale in Path(directory).glob(f".minivit-{pattern}-*.tmp"):
        with suppress(OSError):
            stale.unlink()


def link_or_copy(source, target):
    """Give the file a second name, or where the file system cannot, copy its bytes to disk."""
    try:
        os.link(source, target)
    except OSError:
        with open(source, "rb") as old, open(target, "xb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fsync(new.fileno())
