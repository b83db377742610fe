"""Which files the path FILE of weights means, and what lies beside them."""

import os
from contextlib import contextmanager
from pathlib import Path

from ..errors import CheckpointError
from ..storage import npz
from ..storage.bounded import NPZ, PICKLE, SAFETENSORS, looks_like
from .authors_file import AuthorsFile, AuthorsReader
from .beside import read_beside
from .safetensors_file import SafetensorsFile, Shards

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@contextmanager
def opened(path):
    """Yield (file, {"config.json": dict, ...}) of weights that were published.

    path: an npz or safetensors file, a shards' index, or a directory with one. file: its `shapes`,
    `metadata` and `read(name)`. Raises CheckpointError, BackendError without a package it needs.
    """
    path = _weights(Path(path))
    if path.name.endswith(".index.json"):
        yield Shards(path), read_beside(path.parent)
        return
    kind = looks_like(path)
    if kind == NPZ:
        with npz.reading(path, AuthorsReader) as reader:
            yield AuthorsFile(path, reader, os.path.getsize(path)), {}
    elif kind == PICKLE:
        raise CheckpointError(f"{path} is a pickle, as PyTorch writes them; opening one can run "
                              "any code, so give the weights as safetensors.")  # fmt: skip
    elif kind == SAFETENSORS or path.suffix == ".safetensors":
        yield SafetensorsFile(path), read_beside(path.parent)
    else:
        raise CheckpointError(f"{path} is neither an npz nor a safetensors file; weights of other "
                              "programs are read from these.")  # fmt: skip


def _weights(path):
    """The file of weights in a directory; `path` itself if it is a file."""
    try:
        if path.is_dir():
            found = [path / name for name in (WEIGHTS, INDEX) if (path / name).exists()]
            if not found:
                raise CheckpointError(f"{path} has no {WEIGHTS} and no {INDEX}; name the file.")
            return found[0]
        size = path.stat().st_size
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot read {path}: {reason}.") from None
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file.")
    if not size:
        raise CheckpointError(f"{path} is empty (0 bytes); download it again.")
    if not os.access(path, os.R_OK):
        raise CheckpointError(f"cannot read {path}: permission denied.")
    return path
