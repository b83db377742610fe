"""Words for people: how counts and paths are spelt."""

import os
import shlex


def shell(path):
    """`path` as one word of a command line, in quotes where it needs them."""
    if os.name != "nt":
        return shlex.quote(str(path))
    import subprocess

    return subprocess.list2cmdline([path])


def counted(number, noun):
    """1, "step" -> "1 step"; 1000, "step" -> "1,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
