"""What `predict` makes of its predictions: bars or lines, a JSON object, a CSV file."""

import csv
import io
import json
import sys
from contextlib import contextmanager
from itertools import chain

from ..errors import RunError
from ..storage import atomic, own_files
from ..text import printable
from .bars import line, name_columns, number_line


def reports_of(args, names, top, progress):
    """What to make of the predictions: context managers that yield add(file, best, problem).

    best: [(name, probability), ...]; or where `top` is None [(name of a target, number), ...].
    """
    if args.csv:
        ranks = range(1, min(top or 0, len(names)) + 1)
        columns = [f"{c}_{i}" for i in ranks for c in ("class", "probability")]
        reports = [_table(args.csv, columns if top else list(names), whole=bool(top))]
    else:
        reports = []
    reports += [_json_object(args.model, numbers=not top)] if args.json else []
    return reports or [_lines(names, progress, numbers=not top)]


@contextmanager
def _lines(names, progress, numbers):
    """The file's name, and a line for each class, with a bar, or for each target."""
    columns, shown = name_columns(names), 0

    def add(file, best, problem):
        nonlocal shown
        if not problem:
            how = number_line if numbers else line
            lines = [printable(file), *(how(name, value, columns) for name, value in best)]
            progress.print("\n" * bool(shown) + "\n".join(lines), sys.stdout)
            shown += 1

    yield add


@contextmanager
def _json_object(model, numbers):
    """One object at the end; for an image that cannot be read "error" says why."""
    images = []

    def add(file, best, problem):
        classes = [{"class": name, "probability": p} for name, p in best]
        found = {"targets": dict(best)} if numbers else {"top": classes}
        images.append({"file": file, **({"error": problem} if problem else found)})

    yield add
    print(json.dumps({"model": model, "images": images}, indent=2))


@contextmanager
def _table(path, columns, whole):
    """A CSV file with the column "file" and these; complete or not there.

    whole: whether the names of classes stand beside the numbers. Raises RunError rather than write
    over a file with other columns.
    """
    head = io.StringIO()
    csv.writer(head).writerow(["file", *columns[:2]])
    own_files.refuse_others(path, start=head.getvalue().rstrip().encode())
    with atomic.replacing(path, RunError) as temporary:
        how = {"encoding": "utf-8", "errors": "surrogateescape"}  # a file's name may be any bytes
        with open(temporary, "x", newline="", **how) as file:
            table = csv.writer(file)
            table.writerow(["file", *columns])

            def add(file, best, problem):
                if not problem:
                    row = chain.from_iterable(best) if whole else (value for _, value in best)
                    table.writerow([file, *row])

            yield add
