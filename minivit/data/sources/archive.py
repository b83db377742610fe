"""Read files from a directory or a tar archive into memory, without writing to disk.

Nothing is extracted, so a member named `../../etc/passwd`, a link or a device can do no harm. A
member is read only if it is one of the requested files, is a regular file, occurs once, and has
the right size. The size is checked before the member is decompressed.
"""

from contextlib import contextmanager
from pathlib import Path

from ...errors import DataError
from . import tar


def names(path):
    """Yield the names of the files in a directory or tar archive, without their folders."""
    if Path(path).is_dir():
        yield from sorted(entry.name for entry in Path(path).iterdir() if not entry.is_dir())
        return
    with _tar(path) as archive:
        for member in archive:
            if member.kind != tar.FOLDER:
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
            yield name, _read_file(file, sizes[name])
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
                raise _WrongFileError(f"{where} is there more than once.")
            _check(where, member.regular, member.size, sizes[name])
            missing.remove(name)
            yield name, archive.read()
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}; it is not the whole data set.")


class _WrongFileError(DataError):
    """A file that is not the right one: the message is a whole sentence already."""


def _read_file(file, allowed):
    """The bytes of a file, whose size has been checked and is checked again as it is read."""
    try:
        with open(file, "rb") as opened:
            blob = opened.read(allowed[1] + 1)
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from None
    _check(file, True, len(blob), allowed)
    return blob


def _check(where, regular, size, allowed):
    least, most = allowed
    if not regular:
        raise _WrongFileError(f"{where} is not a regular file.")
    if not least <= size <= most:
        right = f"exactly {least:,}" if least == most else f"{least:,} to {most:,}"
        raise _WrongFileError(
            f"{where} has {size:,} bytes instead of {right}: it is cut short or wrong."
        )


@contextmanager
def _tar(path):
    """The open archive; any error of reading or decompressing it becomes a DataError."""
    try:
        with open(path, "rb") as file:
            yield tar.Archive(file)
    except _WrongFileError:
        raise
    except (DataError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path} is damaged, cut short or not a tar archive ({reason}); download it again."
        ) from None
