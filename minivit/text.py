"""Text that users read: counts, paths, and names that are not known."""

import difflib
import os
import shlex


def shell(path):
    """`path` as one word of a shell command, quoted if necessary."""
    if os.name != "nt":
        return shlex.quote(str(path))
    import subprocess

    return subprocess.list2cmdline([path])


def counted(number, noun):
    """1, "step" -> "1 step"; 1000, "step" -> "1,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
    return f"unknown {kind} {str(name)!r}{hint} Valid: {', '.join(valid)}."
