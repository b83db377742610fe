"""What is at a path, before a model is read from there or written there."""

import os
from pathlib import Path

from ..errors import CheckpointError, RunError
from ..text import shell
from . import checkpoint
from .bounded import NPZ, SAFETENSORS, looks_like, members


def refuse_unreadable(path):
    """Raise CheckpointError where no model of ours can be: there is nothing, or another program's.

    path: a file, or the directory of a run.
    """
    path = Path(path)
    if foreign(path):
        raise CheckpointError(
            f"{path} is not a minivit file; if it holds weights of another program, "
            f"`python -m minivit import {shell(path)} OUT` reads them."
        )
    file = path / "last.npz" if path.is_dir() else path
    if not os.path.lexists(file):
        raise CheckpointError(
            f"there is no checkpoint {file}; a model is the directory of a run, one of its "
            "checkpoints, or a file that import or export made."
        )


def foreign(path):
    """Whether a path looks like weights of another program, at first sight: see `pretrained`."""
    if path.is_dir():
        return any(path.glob("model*.safetensors")) and not (path / "last.npz").exists()
    kind = looks_like(path)
    named = members(path) if kind == NPZ else ()
    return kind == SAFETENSORS or any(name.endswith("embedding/kernel.npy") for name in named)


def refuse_to_write(path):
    """Raise RunError if `path` is a file, and not of a model's weights alone."""
    path = Path(path)
    if not path.is_file() or not path.stat().st_size:
        return  # what is wrong with a directory is said when it is written to
    try:
        meta = checkpoint.read_meta(path)
    except CheckpointError:
        raise RunError(
            f"{path} is there already, and is no file of a model: it is left as it is; name "
            "another place, or move it away."
        ) from None
    if "recipe" in meta:
        refuse = f"{path} is the checkpoint of a run, which goes on with it: name another file."
        raise RunError(refuse)
