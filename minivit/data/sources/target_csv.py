"""A CSV file with targets: a header, and a row for each image.

    Id,Eyes,Face,Pawpularity
    0007de18844b0dbbb5e1f607da0606e0,1,1,63
    0009c66b9439883ba2750fb825e1d7db,1,0,42

Rows are counted as a spreadsheet counts them: the header is row 1. Columns that nobody asked for
are not looked at. What is wrong is said with the row's number.
"""

import csv
import io
import math
import stat
from array import array
from pathlib import Path

import numpy as np

from ... import limits
from ...errors import ConfigError, DataError
from ...text import printable, quoted, unknown

LARGEST = float(np.finfo(np.float32).max)
MOST_COLUMNS = 10_000
LISTED = 30  # columns that a message names


def read(targets):
    """The rows of a `TargetFile` -> {name: its row's number}, columns, values (n, K) float32.

    columns: the names of the K targets. Raises DataError for a file that cannot be read or has
    wrong rows, ConfigError for a column that is not there.
    """
    path = targets.path
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        name_at, columns = _columns(targets, header)
        names, values = {}, array("d")
        for row in rows:
            if not row:  # an empty line
                continue
            number = rows.line_num
            if len(row) != len(header):
                raise DataError(
                    f"{path}, row {number}: it has {len(row)} fields, and the header "
                    f"{len(header)}; mend the row."
                )
            _add_name(path, names, row[name_at].strip(), number)
            values.extend(_number(path, number, header[at], row[at]) for at in columns)
    except csv.Error as error:
        raise DataError(f"{path}, row {rows.line_num}: it is no CSV ({error}).") from None
    if not names:
        raise DataError(f"{path} has a header, and no rows below it.")
    numbers = np.frombuffer(values).reshape(len(names), len(columns)).astype(np.float32)
    return names, tuple(header[at] for at in columns), numbers


def _text(path):
    """The text of the file. Raises DataError for one that is missing, too long or no UTF-8."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for ever
            raise DataError(f"{path} is not a file; name a CSV file with --targets.")
        with open(path, "rb") as file:
            content = file.read(limits.TARGET_FILE + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}.") from None
    if len(content) > limits.TARGET_FILE:
        raise DataError(
            f"{path} has more than {limits.TARGET_FILE:,} bytes; leave out columns that are not "
            "needed."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, row {row}: it is no UTF-8; save the file as UTF-8.") from None


def _columns(targets, header):
    """Where the names are, and where the targets: indices of the header's columns."""
    if not any(header):
        raise DataError(f"{targets.path} is empty; its first row must name the columns.")
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{targets.path} has more than {MOST_COLUMNS:,} columns; leave some out.")
    for at, name in enumerate(header):
        if name in header[:at]:
            raise DataError(f"{targets.path} has two columns {quoted(name)}; rename one.")
    name_at = _column(targets, header, targets.name_column) if targets.name_column else 0
    wanted = targets.columns or (header[-1],)
    columns = [_column(targets, header, name) for name in wanted]
    for name, at in zip(wanted, columns, strict=True):
        if at == name_at:
            raise ConfigError(
                f"{targets.path}: the column {quoted(name)} has the names of the images and cannot "
                "be a target; name others with --name-column and --target-column."
            )
        if columns.count(at) > 1:
            raise ConfigError(f"the target column {quoted(name)} is named twice.")
    return name_at, columns


def _column(targets, header, name):
    if name not in header:
        more = [f"and {len(header) - LISTED} more"] if len(header) > LISTED else []
        shown = [printable(quoted(column)[1:-1]) for column in header[:LISTED]]
        raise ConfigError(f"{targets.path}: {unknown('column', name, [*shown, *more])}")
    return header.index(name)


def _add_name(path, names, name, number):
    if not name:
        raise DataError(f"{path}, row {number}: the name of the image is empty.")
    if name in names:
        raise DataError(
            f"{path}, row {number}: {quoted(name)} stands in row {names[name]} already; each image "
            "needs one row."
        )
    names[name] = number


def _number(path, row, column, text):
    """A finite number that a float32 can hold."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise DataError(
            f"{path}, row {row}: {printable(quoted(column)[1:-1])} is {quoted(text)}; it must be a "
            "finite number."
        )
    return value
