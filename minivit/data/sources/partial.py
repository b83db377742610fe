"""A download in progress: the file NAME.part, which the next attempt goes on with.

The name is always the same, so a download that is killed leaves one file, and the next one, from
the same mirror or another, begins where it ended. While a process downloads it has the file locked;
another that wants the same archive waits for it. The system ends the lock with the process.
"""

import hashlib
import os
import time
from contextlib import contextmanager, suppress

from ...errors import DataError

POLL = 0.2  # seconds between two looks at a lock


class WrongFileError(DataError):
    """All bytes are there, and they are not the archive's."""


class Partial:
    """NAME.part beside `path`, opened and locked: see `partial`.

    `done` is how many bytes it has. It refuses to grow beyond `size`, the whole archive's.
    """

    def __init__(self, path, size, file):
        self.path, self.name, self.size, self.file = path, part_of(path), size, file
        self.done = file.seek(0, os.SEEK_END)
        self.advanced = lambda count: None  # called with the number of bytes written
        if self.done > size:
            self.restart()

    def restart(self):
        """Throw away what is there."""
        self.file.truncate(0)
        self.file.seek(0)
        self.done = 0

    def write(self, chunk):
        """Add bytes. Raises DataError if they are more than the archive has."""
        if self.done + len(chunk) > self.size:
            self.restart()
            raise DataError("sends more bytes than the archive has")
        self.file.write(chunk)
        self.done += len(chunk)
        self.advanced(len(chunk))

    def flush(self):
        """Hand what was written to the system; pooch asks for it."""
        self.file.flush()

    def keep(self, sha256):
        """Give the complete file its own name. Raises DataError, and empties it, if it is wrong."""
        self.file.flush()
        if self.done < self.size:
            raise DataError(f"ended after {self.done:,} of {self.size:,} bytes")
        self.file.seek(0)
        found = hashlib.file_digest(self.file, "sha256").hexdigest()
        if found != sha256:
            self.restart()
            raise WrongFileError(f"sent a file with the wrong SHA-256 {found}")
        os.fsync(self.file.fileno())
        if os.name == "nt":  # where an open file cannot be renamed
            self.file.close()
        os.replace(self.name, self.path)


def part_of(path):
    """The name that the archive `path` has while it is being downloaded."""
    return path.with_name(path.name + ".part")


@contextmanager
def partial(path, size, say):
    """The `Partial` of the archive `path`; None if another process has downloaded it meanwhile.

    Makes the directory. An empty file is removed at the end. `say` gets a line if it has to wait
    for another process. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    place, told = part_of(path), False
    while not path.exists():
        with open(place, "a+b") as file:
            if not _lock(file):
                if not told:
                    say(f"another process is downloading {path}: waiting for it")
                told = True
                time.sleep(POLL)
                continue
            if not _is_still(file, place):  # renamed or removed while this process waited
                continue
            part = Partial(path, size, file)
            try:
                if not path.exists():
                    yield part
                    return
            finally:
                if not part.done:
                    with suppress(OSError):  # Windows does not remove open files
                        place.unlink()
    yield None


def _lock(file):
    """Lock the open file; False if another process has it locked. Nothing on systems without."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        pass
    return True


def _is_still(file, place):
    """Whether `place` is a name of the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(place))
    except OSError:
        return False
