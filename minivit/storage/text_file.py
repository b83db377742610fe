"""Read a whole text file that may hold anything."""

import stat
from pathlib import Path

from .. import limits
from ..errors import RunError


def read_text(path: Path) -> str:
    """The text of the file, with what is no UTF-8 replaced; "" if it does not exist.

    Raises RunError if it is not a regular file (opening a pipe would wait for ever), has more than
    `limits.TEXT_FILE` bytes, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RunError(f"{path} is not a file; move it away.")
        with open(path, "rb") as file:
            content = file.read(limits.TEXT_FILE + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}.") from error
    if len(content) > limits.TEXT_FILE:
        raise RunError(f"{path} has more than {limits.TEXT_FILE:,} bytes; move it away.")
    return content.decode("utf-8", "replace")
