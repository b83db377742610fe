"""Read a tar archive, gzipped or not, as a stream of members, in bounded memory.

Python's `tarfile` understands every extension of the format: names of any length, sparse files,
extended headers. It reads such a header whole, and an archive of 0.7 MB can unpack to a header of
1.5 GB. This reader needs none of them. It looks at the 512 bytes that stand before each member:

    name 100 | ... | size 12 (octal) | ... | checksum 8 (octal) | kind 1 | ... | prefix 155 | ...

and skips what is not a regular file. A member whose name stands in an extended header has the
short form of it here, so it is not found under the long one.

Sources: POSIX.1-1988, "ustar" interchange format; RFC 1952 (gzip).
"""

from typing import NamedTuple

from ...errors import DataError
from .streams import stream

BLOCK = 512
REGULAR = (b"0", b"\0", b"7")  # kinds; the last is "contiguous", which means nothing today
FOLDER, EXTENDED = b"5", (b"x", b"g", b"L", b"K")  # headers of the next member
LONGEST = 1 << 20  # bytes of an extended header
MEMBERS = 10_000  # of an archive; CIFAR's have 9


class Member(NamedTuple):
    """What stands before a member: its name, its bytes, and which kind of thing it is."""

    name: str
    size: int
    kind: bytes

    @property
    def regular(self):
        """Whether it is a file, and not a folder, a link, a device or a file with holes."""
        return self.kind in REGULAR


class Archive:
    """The members of the tar archive in the open binary `file`: iterate over it, and `read()`.

    After the last member the iteration reads on to the end of a gzip stream, whose checksum reveals
    a wrong bit anywhere. All methods raise DataError, whose text is the reason only, for what is
    damaged, cut short or not an archive, has more than MEMBERS members, or unpacks to more than
    `limits.UNPACKED` bytes.
    """

    def __init__(self, file):
        self.stream = stream(file)
        self.member, self.left = None, 0  # the current member, and its bytes not read yet

    def __iter__(self):
        """Each Member in turn, without the extended headers."""
        for number in range(MEMBERS + 1):
            header = self.stream.read(BLOCK)
            if not header and not number:
                raise DataError("it is empty")
            if header.count(0) == len(header):  # the end mark, or the end of the file
                self.stream.finish()
                return
            self.member = _parse(header)
            self.left = self.member.size + -self.member.size % BLOCK
            if self.member.kind not in EXTENDED:
                yield self.member
            elif self.member.size > LONGEST:
                raise DataError("it has an absurdly long header")
            self.stream.skip(self.left)
        raise DataError(f"it has more than {MEMBERS:,} members")

    def read(self):
        """The bytes of the current member; once."""
        data = self.stream.exactly(self.member.size)
        self.left -= len(data)
        return data


def _parse(header):
    """The Member that 512 bytes stand before. Raises DataError if they do not."""
    if len(header) < BLOCK:
        raise DataError("it ends in the middle of a header")
    plain = sum(header) - sum(header[148:156]) + 8 * ord(" ")  # as if the checksum were blank
    if _octal(header[148:156]) != plain:
        raise DataError("it has a header with a wrong checksum")
    size = _octal(header[124:136])
    if size is None:
        raise DataError("it has a member of no valid size")
    name, prefix = (_text(field) for field in (header[:100], header[345:500]))
    ustar = header[257:262] == b"ustar" and header[257:265] != b"ustar  \0"  # GNU's has no prefix
    return Member(f"{prefix}/{name}" if prefix and ustar else name, size, header[156:157])


def _octal(field):
    """The number in a field, or None. (Sizes of 8 GB and more are binary; none are read.)"""
    digits = field.replace(b"\0", b" ").strip()
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def _text(field):
    return field.partition(b"\0")[0].decode("utf-8", "replace")
