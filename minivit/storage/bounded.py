"""A file of which nobody can read much at once, and what its first bytes say that it is."""

import io
import os
import stat
import zipfile

from ..errors import CheckpointError

MAX_READ = 1 << 21  # bytes at once: the table of contents of 10,000 arrays needs half of that
NPZ, SAFETENSORS, PICKLE = "npz", "safetensors", "pickle"


class Bounded(io.BufferedReader):
    """A file of which nobody can read more than MAX_READ bytes at once.

    zipfile reads the table of contents whole, and its length is a number in the file.
    """

    def read(self, size=-1):
        left = os.fstat(self.fileno()).st_size - self.tell()
        size = left if size < 0 else min(size, left)
        if size > MAX_READ:
            raise CheckpointError(
                f"{self.raw.name} is no npz file of arrays: its table of contents is too long."
            )
        return super().read(max(size, 0))


def looks_like(path):
    """NPZ, SAFETENSORS or PICKLE (PyTorch's files too), or "" for what is none of these.

    A guess from the first bytes and a zip's table of contents, so that messages can be to the
    point. "" for what cannot be read, or is no regular file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait
            return ""
        with open(path, "rb") as file:
            start = file.read(16)
        if start[:4] == b"PK\x03\x04":
            return PICKLE if any(n.endswith(".pkl") for n in members(path)) else NPZ
        return SAFETENSORS if start[8:9] == b"{" else PICKLE if start[:1] == b"\x80" else ""
    except (OSError, ValueError):
        return ""


def members(path):
    """The names in a zip's table of contents; [] if that cannot be read."""
    try:
        with Bounded(open(path, "rb", buffering=0)) as file, zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except Exception:  # a damaged zip can raise nearly any exception
        return []
