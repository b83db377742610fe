"""The small JSON files that lie beside weights, and that say what the weights do not."""

import json
import stat
from pathlib import Path

from ..errors import CheckpointError

MAX_BYTES = 8 << 20  # a config.json with the names of 21,843 classes has 2 MiB
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"


def read_beside(directory):
    """{name: dict} of both that are in `directory`. Raises CheckpointError."""
    paths = {name: Path(directory) / name for name in (CONFIG, PREPROCESSOR)}
    return {name: read_json(path) for name, path in paths.items() if path.exists()}


def read_json(path):
    """The dict in a JSON file. Raises CheckpointError: one sentence."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_BYTES:
            raise CheckpointError(f"{path} is no file of at most {MAX_BYTES} bytes; not read.")
        text = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    return parsed(path, text)


def parsed(path, text):
    """The dict in a JSON text. path: where it was, for the CheckpointError."""
    try:
        value = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:  # no UTF-8, or no JSON
        raise CheckpointError(f"{path} is damaged: what should be JSON is none.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is damaged: its JSON holds no names.")
    return value


def _integer(digits):
    """An int; -1, which no size can be, for one of more digits than any size has."""
    return int(digits) if len(digits) < 20 else -1
