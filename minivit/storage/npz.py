"""Named arrays in one file; reading it trusts nothing in the file.

The file is a plain `.npz`: a zip archive of uncompressed `.npy` members, which `np.load` can open
too. NumPy's own reader trusts the file: it allocates as much as a header says, unpacks as much as
the zip says, and takes the last of two members with the same name. This reader checks the file in
an order in which no memory is allocated until the file has been shown to hold the data:

    regular file -> zip -> names, methods and sizes of all members -> every npy header -> data

Only numbers are read and written (bool, integers, floats of up to 8 bytes; little-endian, C order).
No pickle is ever opened. Sources: the zip format, APPNOTE.TXT 6.3; the npy format 1.0, NumPy
Enhancement Proposal 1.
"""

import math
import os
import re
import stat
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from .. import limits
from ..errors import CheckpointError, MinivitError
from .bounded import Bounded

MAX_MEMBERS = 10_000
# Weights hardly compress, and at worst there are three vectors of zeros (moments, average) beside
# them. So a compressed checkpoint unpacks to less than 8 times its size, a zip bomb to 1000 times.
MAX_RATIO, FREE_BYTES = 16, 1 << 20
CHUNK_BYTES = 1 << 20
NAME = re.compile(r"[\w./-]+")  # of an array, such as "model/block3.attn.qkv.w"


class Header(NamedTuple):
    """The shape and dtype that an npy member states before its data."""

    shape: tuple
    dtype: np.dtype


def storable(dtype):
    """Whether a file can hold arrays of this dtype: bool, int, uint or float, little-endian."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.str[0] in "<|"


def flat_bytes(array):
    """The memory of a C-contiguous array as uint8, without a copy; 0-d and empty arrays too."""
    return memoryview(array.reshape(-1).view(np.uint8))


def write(path, arrays):
    """Write {name: array} to the new file `path`, and wait until it is on disk.

    The zip entries have no time of writing, so equal arrays give equal files.
    """
    with open(path, "xb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                member = zipfile.ZipInfo(name + ".npy")
                with archive.open(member, "w", force_zip64=True) as stream:
                    npy.write_array(stream, array, version=(1, 0), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def reading(path, kind=None):
    """Yield a `Reader` of `path`, or one of another `kind`.

    Every error inside the `with` but the project's own becomes a CheckpointError.
    """
    kind = kind or Reader
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)  # `open` would wait on a named pipe
        file = Bounded(open(path, "rb", buffering=0)) if regular else None
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot read {path}: {reason}.") from error
    if file is None:
        raise CheckpointError(f"{path} is not a file; name the checkpoint, such as last.npz.")
    with file:
        try:
            yield kind(path, file, os.fstat(file.fileno()).st_size)
        except MinivitError:
            raise
        except MemoryError as error:
            raise CheckpointError(f"{path} needs more memory than there is.") from error
        except Exception as error:
            # A damaged zip or header can raise nearly any exception (BadZipFile, zlib.error,
            # struct.error, TokenError, ...). Their texts are not shown, because some of them
            # advise to load the file without checks.
            raise CheckpointError(
                f"{path} is damaged ({type(error).__name__}); copy it again or use another."
            ) from error


class Reader:
    """An npz file whose table of contents has been checked: `headers` by name, and `read(name)`.

    Files of other programs are read by a subclass, which says what it is for, and what such files
    may hold besides: see `pretrained/authors_file.py`.
    """

    what, maker = "a minivit checkpoint", "minivit"
    any_order = False  # whether arrays may be stored in Fortran order

    def __init__(self, path, file, size):
        """Check everything except the data. Raises CheckpointError, or zipfile's own errors."""
        self.path = path
        self._check_ends(file, size)
        self._archive = zipfile.ZipFile(file)
        self._members = self._check_members(size)
        self.headers, self._fortran = {}, set()
        for name, member in self._members.items():
            with self._archive.open(member) as stream:
                self.headers[name] = self._read_header(name, member, stream)

    def refuse(self, reason):
        """The CheckpointError to raise: one line that starts with the path."""
        return CheckpointError(f"{self.path} {reason}")

    def storable(self, dtype):
        """Whether arrays of this dtype are read."""
        return storable(dtype)

    def _check_ends(self, file, size):
        """Check that members start at byte 0, and that the zip's end record ends the file."""
        if size == 0:
            raise self.refuse("is empty (0 bytes); use another checkpoint.")
        if file.read(4) != b"PK\x03\x04":
            raise self.refuse(f"is not {self.what}: it does not start as an npz file.")
        file.seek(max(size - 22, 0))  # it has 22 bytes; the last 2 are the length of a comment
        end = file.read(22)
        if end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0":
            raise self.refuse("is cut short or has something appended; copy it again.")

    def _check_members(self, size):
        """{array name: ZipInfo}, after checking all of them in the zip's table of contents."""
        members = {}
        for member in self._archive.infolist():
            shown = repr(member.filename[:80])
            name = member.filename.removesuffix(".npy")
            if name == member.filename or not NAME.fullmatch(name):
                raise self.refuse(f"is not {self.what}: it holds {shown}.")
            if name in members:
                raise self.refuse(f"is damaged: it holds {shown} twice.")
            if member.flag_bits & 1:
                raise self.refuse(f"is encrypted ({shown}); {self.maker} never writes such a file.")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.refuse(f"is damaged: {shown} is packed by an unknown method.")
            members[name] = member
        if len(members) > MAX_MEMBERS:
            raise self.refuse(f"holds {len(members)} arrays; at most {MAX_MEMBERS} are read.")
        if min((member.header_offset for member in members.values()), default=0) != 0:
            raise self.refuse("is damaged: there is something before its first array.")
        total = sum(member.file_size for member in members.values())
        if total > min(MAX_RATIO * size + FREE_BYTES, max(limits.MEMORY // 2, size)):
            raise self.refuse(f"has {size} bytes but would unpack to {total}; not read.")
        return members

    def _read_header(self, name, member, stream):
        """Read the npy header, and check that the member has exactly the length it states."""
        if npy.read_magic(stream) != (1, 0):
            raise self.refuse(f"is damaged: {name} is not in the npy format 1.0.")
        shape, fortran, dtype = npy.read_array_header_1_0(stream)
        fortran = fortran and len(shape) > 1
        if not self.storable(dtype) or (fortran and not self.any_order):
            order = " in Fortran order" if fortran else ""
            raise self.refuse(
                f"holds {name} as {dtype.str}{order}, which {self.maker} never writes."
            )
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed != member.file_size - stream.tell():
            raise self.refuse(f"is damaged: {name} is not as long as its shape {shape} needs.")
        if fortran:
            self._fortran.add(name)
        return Header(shape, dtype)

    def read(self, name):
        """Read the array `name`, in the order in which it is stored; zipfile checks its CRC-32."""
        member, (shape, dtype) = self._members[name], self.headers[name]
        array = np.empty(shape[::-1] if name in self._fortran else shape, dtype)
        data, done = flat_bytes(array), 0
        with self._archive.open(member) as stream:
            stream.read(member.file_size - len(data))  # the npy header
            while done < len(data):
                count = stream.readinto(data[done : done + CHUNK_BYTES])
                if count == 0:
                    raise self.refuse(f"is cut short in {name}; copy it again.")
                done += count
        return array.T if name in self._fortran else array
