"""Read files from a directory or a tar archive into memory, without writing to disk.

Nothing is extracted, so a member named `../../etc/passwd`, a link or a device can do no harm. A
member is read only if it is one of the requested files, is a regular file, occurs once, and has
the right size. The size is checked before the member is decompressed.
"""

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path

from ...errors import DataError


def names(path):
    """Yield the names of the files in a directory or tar archive, without their folders."""
    if Path(path).is_dir():
        yield from sorted(entry.name for entry in Path(path).iterdir() if not entry.is_dir())
        return
    with _tar(path) as archive:
        for member in archive:
            if not member.isdir():
                yield member.name.rpartition("/")[2]


def read(path, folder, sizes):
    """Yield (name, bytes) for every name in `sizes`; from an archive in the archive's order.

    path    a directory, or a tar archive, gzipped or not
    folder  the directory of the files inside an archive; files outside any directory count too
    sizes   {name: (least, most)} allowed bytes

    Raises DataError with the name of the archive and the member if a member is missing, occurs
    twice, is not a regular file or has the wrong size; and if an archive is cut short or does not
    match its own checksum.
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
    wanted = {prefix + name: name for name in sizes for prefix in ("", f"{folder}/")}
    missing = set(sizes)
    with _tar(path) as archive:
        for member in archive:
            name = wanted.get(member.name.removeprefix("./"))
            if name is None:
                continue
            where = f"{path}: member {member.name}"
            if name not in missing:
                raise DataError(f"{where} is there more than once.")
            _check(where, member.isfile(), member.size, sizes[name])
            missing.remove(name)
            yield name, archive.extractfile(member).read()
        # tarfile stops at its end mark. gzip compares its checksum, which reveals a wrong bit
        # anywhere, only when the stream is read to its very end.
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
        raise DataError(f"{where} has {size:,} bytes instead of {right}: it is cut short or wrong.")


@contextmanager
def _tar(path):
    """The open archive; any error of reading or decompressing it becomes a DataError."""
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
            f"{path} is damaged, cut short or not a tar archive ({reason}); download it again."
        ) from None
