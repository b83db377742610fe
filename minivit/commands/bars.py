"""Probabilities as bars, and numbers, in at most 80 columns."""

import shutil
import sys

from ..objective.metric import rounded
from ..text import columns_of, fitted, printable

WIDTH = 80
LONGEST_NAME = 32  # columns; longer names are cut


def name_columns(names):
    """How many columns the names need, at most LONGEST_NAME."""
    return min(LONGEST_NAME, max(columns_of(printable(name)) for name in names))


def line(name, probability, columns):
    """ "  plus     93.2%  ██████████": the name in so many columns; a full bar is 100%."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    start = f"  {fitted(printable(name), columns)}  {probability:6.1%}"
    length = round(probability * max(0, width - columns_of(start) - 3))
    return f"{start}  {_block() * length}".rstrip()


def number_line(name, value, columns):
    """ "  row     12.34": the name in so many columns, and the number."""
    return f"  {fitted(printable(name), columns)}  {rounded(value)}"


def _block():
    """The character of a bar that standard output can show."""
    try:
        "█".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "#"
    return "█"
