"""Read named files from a directory or a tar archive, in memory, writing nothing to disk.

Nothing is ever extracted, so a member called `../../etc/passwd`, a link or a device cannot do
harm: a member counts only if its name is one that was asked for, it is a regular file, it occurs
once, and its size is right. That size is known before a byte of it is decompressed.
"""

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path

from ...errors import DataError


def names(path):
    """The files in a directory or tar archive, one by one, named without their folder."""
    if Path(path).is_dir():
        yield from sorted(entry.name for entry in Path(path).iterdir() if not entry.is_dir())
        return
    with _tar(path) as archive:
        for member in archive:
            if not member.isdir():
                yield member.name.rpartition("/")[2]


def read(path, folder, sizes):
    """Yield (name, bytes) for every name in `sizes`, in the order they are found.

    path    a directory, or a tar archive, gzipped or not
    folder  the directory that the files have inside an archive (none at all is accepted too)
    sizes   {name: (least, most)} bytes allowed

    Raises DataError naming the archive and the member: missing, twice there, not a regular file,
    of the wrong size; and for an archive that is cut short or fails its own checksum.
    """
    if Path(path).is_dir():
        for name in sizes:
            file = Path(path) / name
            if not file.exists():
                raise DataError(f"{file} is missing; the data set needs {', '.join(sizes)}.")
            _check(file, file.is_file(), file.stat().st_size, sizes[name])
            try:
                yield name, file.read_bytes()
            except OSError as error:
                raise DataError(f"{file} cannot be read: {error.strerror}.") from None
        return
    known = {prefix + name: name for name in sizes for prefix in ("", f"{folder}/")}
    missing = set(sizes)
    with _tar(path) as archive:
        for member in archive:
            name = known.get(member.name.removeprefix("./"))
            if name is None:
                continue
            where = f"{path}: member {member.name}"
            if name not in missing:
                raise DataError(f"{where} is there more than once.")
            _check(where, member.isfile(), member.size, sizes[name])
            missing.remove(name)
            yield name, archive.extractfile(member).read()
        # tarfile stops at its end mark; only reading on to the very end makes gzip compare its
        # checksum, and so notice a flipped bit anywhere before.
        while archive.fileobj.read(1 << 20):
            pass
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}; it is not the whole data set.")


def _check(where, regular, size, allowed):
    least, most = allowed
    if not regular:
        raise DataError(f"{where} is not a regular file.")
    if not least <= size <= most:
        right = f"exactly {least:,}" if least == most else f"{least:,} to {most:,}"
        raise DataError(f"{where} has {size:,} bytes where {right} are right: cut short or wrong.")


@contextmanager
def _tar(path):
    """The open archive; whatever decompressing it raises becomes one DataError."""
    try:
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if zipped else raw
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                yield archive
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(
            f"{path} is damaged, cut short or no tar archive ({reason}); fetch it again."
        ) from None
