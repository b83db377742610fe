"""metrics.jsonl: one JSON object a line, a row for every epoch, and last the result.

A row is an object with the integers "epoch" and "step"; what else it holds is the run's own
business. The result is the object with the measurements on the test set ("test_loss", ...).
"""

import contextlib
import json
import math

from .text_file import read_text


def as_line(entry):
    """An object as a line of JSON. A number that is not finite, which JSON lacks, becomes null."""
    return json.dumps({name: _plain(v) for name, v in entry.items()}, allow_nan=False) + "\n"


def _plain(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def objects(path):
    """All JSON objects of the file, without lines that are incomplete or something else.

    The last line is incomplete if the process was killed while it wrote. A whole number that no
    float can hold is something else. [] if there is no file.
    """
    values = []
    for line in read_text(path).splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            values.append(json.loads(line, parse_int=_whole))
    return [value for value in values if isinstance(value, dict)]


def _whole(digits):
    if len(digits) > 300:  # a float ends at 1e308
        raise ValueError("too large a number")
    return int(digits)


def rows(entries):
    """Those of the objects that are rows, one for each epoch."""
    return [row for row in entries if all(type(row.get(n)) is int for n in ("epoch", "step"))]


def result(entries):
    """The last object that is no row and has a "test_..." key: the result; None without one."""
    results = [
        entry
        for entry in entries
        if "epoch" not in entry
        and any(name.startswith("test_") for name in entry)
        and all(type(entry[n]) in (int, float) for n in entry if n.startswith("test_"))
    ]
    return results[-1] if results else None
