"""Text that users read: counts, sizes, paths, and names that are not known."""

import difflib
import os
import shlex
import unicodedata

LONGEST_SHOWN = 200  # characters of a value that a message repeats


def shell(path):
    """`path` as one word of a shell command, quoted if necessary."""
    if os.name != "nt":
        return shlex.quote(str(path))
    import subprocess

    return subprocess.list2cmdline([path])


def option(name, path):
    """An option and its path for a shell: "--out runs/a", "--out=-a", "--out 'my run'"."""
    return f"{name}{'=' if str(path).startswith('-') else ' '}{shell(path)}"


def counted(number, noun):
    """1, "step" -> "1 step"; 1000, "step" -> "1,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(text):
    """The text with ? for what could move the cursor: file and class names may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)


def quoted(value):
    """repr(value), cut where it is long: a file may hold anything, and a message is one line."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def columns_of(text):
    """How many columns of a terminal the text takes: two for a wide character, as in Chinese."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fitted(text, columns):
    """The text in exactly so many columns: cut with "..." or filled with spaces."""
    if columns_of(text) > columns:
        while columns_of(text) > columns - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (columns - columns_of(text))


def unknown(kind, name, valid, meant=None):
    """The sentence for a name that is not valid: the name, the nearest valid one, and all of them.

    meant: the valid name to suggest, where it is known and need not be guessed from the spelling.
    The case of letters does not matter.
    """
    valid = [str(v) for v in valid]
    small = {v.casefold(): v for v in reversed(valid)}
    near = difflib.get_close_matches(str(name).casefold(), small, n=1, cutoff=0.4)
    near = [meant] if meant in valid else [small[word] for word in near]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {quoted(str(name))}{hint} Valid: {', '.join(valid)}."


def decimal(number):
    """A count with one decimal and a letter for its thousands: 365107584 -> "365.1 M"."""
    return _scaled(number, 1000, ("", "k", "M", "G", "T", "P", "E"))


def binary(size):
    """Bytes with one decimal and the unit, in powers of 1024: 1536 -> "1.5 KiB"."""
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))


def _scaled(number, base, units):
    """`number` in the first unit that leaves it below 1000; "-" for 0."""
    if not number:
        return "-"
    power = 0
    while number >= 1000 * base**power and power + 1 < len(units):
        power += 1
    text = f"{number / base**power:.1f}" if power else str(number)
    return f"{text} {units[power]}".strip()


def class_names(names, count):
    """A name for each of `count` classes: `names`, or "class 0", ... where there are none."""
    return tuple(names) or tuple(f"class {i}" for i in range(count))
