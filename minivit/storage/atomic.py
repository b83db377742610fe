"""Atomic writes: a file is written under a temporary name beside its place, then renamed."""

import errno
import glob
import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CheckpointError, RunError

# The system's errors for a full disk, a quota and a limit of the process on file sizes.
DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def replacing(path, error_class=CheckpointError):
    """Yield a temporary path beside `path`; after the caller has written it, rename it to `path`.

    The rename (`os.replace`) is one atomic step: before it, a reader of `path` finds the old file,
    after it the new one. If anything fails, the temporary file is removed and the old file stays as
    it was. An OSError (disk full, no permission) becomes an `error_class`. A killed process leaves
    its temporary file; the next write of `path` removes it.
    """
    path = Path(os.path.realpath(path))  # of a symbolic link, replace the file it points to
    if os.path.isdir(path):
        raise error_class(f"cannot write {path}: it is a directory; name a file in it.")
    refuse_devices(path, error_class)
    temporary = _temporary(path)
    with explained(path, error_class):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_temporary_files(path.parent, path.name)
            yield temporary
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            with suppress(OSError):  # after the rename there is nothing to remove
                temporary.unlink()


def refuse_devices(path, error_class):
    """Raise an `error_class` for a device or a pipe, of which a file would take the place."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise error_class(f"cannot write {path}: it is a device or a pipe; name a file.")


def write_json(path, values):
    """Write values as JSON, as `replacing` does. Raises RunError if that fails."""
    with replacing(path, RunError) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


@contextmanager
def filling(directory, last):
    """Yield a temporary directory for new files; after the caller has written them, rename them.

    If `directory` is not there yet, the temporary one becomes it in one step. Otherwise the files
    are renamed into it one by one, the one called `last` at the end: where that is, all of them
    are. If anything fails, none is left. Raises OSError: see `explained`.
    """
    directory = Path(os.path.realpath(directory))
    there = directory.is_dir()
    temporary = _temporary(directory / directory.name if there else directory)
    moved = []
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        remove_temporary_files(temporary.parent, directory.name)
        temporary.mkdir()
        yield temporary
        _sync(temporary)
        if there:
            for file in sorted(temporary.iterdir(), key=lambda file: file.name == last):
                os.rename(file, directory / file.name)
                moved.append(directory / file.name)
        else:
            os.rename(temporary, directory)
        _sync(temporary.parent)
    except BaseException:
        for file in moved:
            with suppress(OSError):
                file.unlink()
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path):
    """A name beside `path` that nothing has yet."""
    return path.with_name(f".minivit-{path.name}-{secrets.token_hex(4)}.tmp")


def _sync(directory):
    """Write the names in a directory to disk; not every system can."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def explained(path, error_class=CheckpointError):
    """Turn an OSError into an `error_class`: one sentence about `path`, as the user calls it."""
    try:
        yield
    except FileExistsError as error:
        raise error_class(
            f"cannot write {path}: {Path(path).parent} is not a directory."
        ) from error
    except OSError as error:
        advice = "free some space" if error.errno in DISK_FULL else "choose another place"
        raise error_class(
            f"cannot write {path}: {error.strerror or error}; what was there before is untouched, "
            f"{advice}."
        ) from error


def remove_temporary_files(directory, name=None):
    """Remove what killed processes left of temporary files and directories, of `name` or any."""
    pattern = "*" if name is None else glob.escape(name)
    for stale in Path(directory).glob(f".minivit-{pattern}-*.tmp"):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        with suppress(OSError):
            stale.unlink()


def copy(source, target):
    """Copy the file `source` to the new file `target`, and wait until it is on disk."""
    with open(source, "rb") as old, open(target, "xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())
