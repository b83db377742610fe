"""Read a file, gzipped or not, from its start to its end, in bounded memory.

All errors are a DataError whose text is the reason only: "it is cut short". At most
`limits.UNPACKED` bytes come out of a file.

Source: RFC 1952 (gzip).
"""

from ... import limits
from ...errors import DataError

CHUNK = 1 << 18


def stream(file):
    """The open binary `file` as a `Plain` or a `Gzip`, by its first two bytes."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return Gzip(file) if zipped else Plain(file)


class Plain:
    """A file that is not compressed."""

    def __init__(self, file):
        self.file, self.left = file, limits.UNPACKED

    def more(self):
        """The next bytes, b"" at the end."""
        return self.file.read(CHUNK)

    rest = b""

    def read(self, count):
        """The next `count` bytes, or fewer where the stream ends."""
        parts, missing = [], count
        while missing:
            self.rest = self.rest or self._counted()
            if not self.rest:
                break
            part, self.rest = self.rest[:missing], self.rest[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def exactly(self, count):
        """The next `count` bytes. Raises DataError if there are not so many."""
        data = self.read(count)
        if len(data) < count:
            raise DataError("it ends in the middle of a member")
        return data

    def skip(self, count):
        """Leave out the next `count` bytes. Raises DataError if there are not so many."""
        while count:
            count -= len(self.exactly(min(count, CHUNK)))

    def finish(self):
        """Read to the end."""
        while self._counted():
            pass

    def _counted(self):
        data = self.more()
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"it unpacks to more than {limits.UNPACKED:,} bytes")
        return data


class Gzip(Plain):
    """One that is gzipped: a single gzip member, as the published archives are."""

    def __init__(self, file):
        super().__init__(file)
        try:
            import zlib
        except ImportError:  # a Python may be built without it
            raise DataError("it is gzipped, and this Python has no zlib: unpack it") from None
        self.error = zlib.error
        self.unzip = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer

    def more(self):
        while not self.unzip.eof:
            packed = self.unzip.unconsumed_tail or self.file.read(CHUNK)
            if not packed:
                raise DataError("it is cut short")
            try:
                data = self.unzip.decompress(packed, CHUNK)
            except self.error as error:
                raise DataError(f"it cannot be unpacked: {error}") from None
            if data:
                return data
        if self.unzip.unused_data.strip(b"\0") or self.file.read(CHUNK).strip(b"\0"):
            raise DataError("something follows its end")
        return b""
