"""Files that commands write anew each time: never over a file that is something else.

A figure or a table is written again and again under the same name, so the old one is replaced. What
minivit did not write is not: it may be the user's only copy, as a photograph would be that
`--csv *.png` names by mistake.
"""

from pathlib import Path

from .. import limits
from ..errors import RunError
from . import atomic

MARK = "minivit"  # in figures, as the program that made them


def refuse_others(path, *, mark=b"", start=b""):
    """Raise RunError if `path` is a file that minivit did not write.

    It did if the file is empty, or contains `mark`, or begins with `start`.
    """
    path = Path(path)
    try:
        atomic.refuse_devices(path, RunError)
        if not path.is_file():
            return  # what is wrong with a directory is said when it is written to
        with open(path, "rb") as file:
            content = file.read(limits.TEXT_FILE)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}.") from error
    known = (mark and mark in content) or (start and content.startswith(start))
    if content and not known:
        raise RunError(
            f"{path} is there already, and minivit did not write it: it is left as it is; name "
            "another place, or move it away."
        )
