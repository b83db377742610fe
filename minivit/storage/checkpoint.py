"""Checkpoints: everything a run has to remember, in one file that is written atomically.

A checkpoint consists of named arrays in host memory ("model/block3.attn.qkv.w") and plain values
(configuration, position in the run). The file is described in `npz.py`; `np.load(path)` opens it
too. The plain values are JSON in its member `__meta__`, together with

    format, format_version    what the file is
    versions                  of minivit, NumPy and Python that wrote it
    sha256                    over the values' JSON and, sorted by name, every array's
                              (name, dtype, shape) and bytes

The hash detects damage (a flipped bit, arrays of two files mixed), but not a forged file. `save`
refuses weights that are not finite, so a run that diverges cannot overwrite its last good
checkpoint.
"""

import hashlib
import json
import math
import os
import platform

import numpy as np

from ..errors import CheckpointError
from ..version import VERSION
from . import atomic, npz
from .compare import mismatches

__all__ = ["copy", "inspect", "load", "read_meta", "save"]

FORMAT, FORMAT_VERSION = "minivit checkpoint", 1
META = "__meta__"  # the member that holds the plain values
MAX_META_BYTES = 1 << 20


def save(path: str | os.PathLike, arrays: dict[str, np.ndarray], meta: dict) -> None:
    """Write a checkpoint atomically: `path` is the old file or the new one, never a part of one.

    arrays: {name: NumPy array} in any memory order and byte order; they are stored little-endian,
    in C order. meta: plain values that JSON can hold (tuples come back as lists); `save` sets the
    keys that the module lists. Missing directories are made. Raises CheckpointError, and leaves
    `path` as it was, for a value that is not finite, for arrays or plain values that cannot be
    stored, and if writing fails.
    """
    arrays = {name: _portable(path, name, array) for name, array in arrays.items()}
    versions = {
        "minivit": VERSION,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    meta = {**meta, "format": FORMAT, "format_version": FORMAT_VERSION, "versions": versions}
    try:
        meta = json.loads(_json(meta))  # as `load` will return it: keys are text, tuples are lists
        meta["sha256"] = _digest(sorted(arrays.items()), meta)
        text = _json(meta)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot write {path}: its meta is not JSON ({error}).") from error
    if len(text) > MAX_META_BYTES or len(arrays) >= npz.MAX_MEMBERS:
        raise CheckpointError(
            f"cannot write {path}: {len(arrays)} arrays and {len(text)} bytes of meta are too many."
        )
    with atomic.replacing(path) as temporary:
        npz.write(temporary, {META: np.frombuffer(text, np.uint8), **arrays})


def load(
    path: str | os.PathLike, expected: dict[str, tuple] | None = None, group: str = ""
) -> tuple[dict[str, np.ndarray], dict]:
    """Read and check a checkpoint -> (arrays, meta).

    expected: {name: (shape, dtype)}. If it is given, names, shapes and dtypes must be exactly
    these; that is checked before any data is read. group: the start of the names that are wanted
    ("model/"); `expected` is about these only. The hash is over the whole file, so the other arrays
    are read too, but one at a time, and none is kept. Raises CheckpointError, one line with the
    path, for a file that is missing, damaged, no checkpoint, newer than this program, or of another
    model, and for values that are not finite. Nothing of a refused file is returned.
    """
    with npz.reading(path) as reader:
        meta = _read_meta(reader)
        names = [name for name in reader.headers if name != META]
        wanted = [name for name in names if name.startswith(group)]
        headers = {name: reader.headers[name] for name in wanted}
        problems = "" if expected is None else mismatches(headers, expected)
        if problems:
            raise reader.refuse(f"holds another model: {problems}.")
        arrays = dict.fromkeys(wanted)

        def read_all():
            for name in sorted(names):
                array = reader.read(name)
                if name in arrays:
                    arrays[name] = array
                yield name, array

        digest = _digest(read_all(), meta)
        for name, array in arrays.items():
            if not _finite(array):
                raise reader.refuse(f"holds values that are not finite in {name}; use another.")
        if digest != meta.pop("sha256", None):
            raise reader.refuse("is damaged: its content is not what was saved; use another.")
    return arrays, meta


def read_meta(path: str | os.PathLike) -> dict:
    """Read the plain values only, for building the model before `load`.

    The hash is not checked, because it is over the arrays too. Raises CheckpointError.
    """
    return inspect(path)[0]


def inspect(path: str | os.PathLike) -> tuple[dict, dict[str, npz.Header]]:
    """The plain values, and {name: (shape, dtype)} of the arrays, which are not read.

    As with `read_meta`, the hash is not checked. Raises CheckpointError.
    """
    with npz.reading(path) as reader:
        meta = _read_meta(reader)
        headers = {name: header for name, header in reader.headers.items() if name != META}
    meta.pop("sha256", None)
    return meta, headers


def copy(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Make `target` a copy of the checkpoint `source`, atomically.

    Not a hard link: what damages one of the files leaves the other. Raises CheckpointError, and
    leaves `target` as it was.
    """
    source = os.path.realpath(source)
    if not os.path.isfile(source):
        raise CheckpointError(f"cannot copy {source} to {target}: there is no such checkpoint.")
    with atomic.replacing(target) as temporary:
        atomic.copy(source, temporary)


def _portable(path, name, array):
    """The array little-endian and C-contiguous, copied if need be; or CheckpointError."""
    if not isinstance(name, str) or not npz.NAME.fullmatch(name) or name == META:
        raise CheckpointError(f"cannot write {path}: {name!r} cannot be the name of an array.")
    if not isinstance(array, np.ndarray):
        raise CheckpointError(f"cannot write {path}: {name} is not a NumPy array on the host.")
    dtype = array.dtype.newbyteorder("<")
    if not npz.storable(dtype):
        raise CheckpointError(f"cannot write {path}: {name} has dtype {array.dtype}.")
    if not _finite(array):
        said = f"{name} holds values that are not finite; {path} is not written, so what was saved "
        raise CheckpointError(said + "there before is kept.")
    return np.asarray(array, dtype, order="C")


def _finite(array):
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _json(meta):
    """Values as JSON bytes. Equal values give equal bytes, and so the same hash after loading."""
    return json.dumps(meta, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()


def _digest(arrays, meta):
    """The SHA-256 described at the top of this file. arrays: (name, array) pairs, sorted."""
    total = hashlib.sha256(_json({key: meta[key] for key in meta if key != "sha256"}))
    for name, array in arrays:
        total.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        total.update(npz.flat_bytes(array))
    return total.hexdigest()


def _read_meta(reader):
    """The plain values of an opened file. Refuses a file that this program cannot read."""
    header = reader.headers.get(META)
    if header is None or header.dtype != np.uint8:
        advice = "`python -m minivit import` makes one of weights of other programs"
        raise reader.refuse(f"is not a minivit checkpoint, as it has no meta data: {advice}.")
    if math.prod(header.shape) > MAX_META_BYTES:
        raise reader.refuse(f"is damaged: its meta data exceeds {MAX_META_BYTES} bytes.")

    def constant(word):
        raise reader.refuse(f"is damaged: {word} in its meta data is not JSON.")

    try:
        meta = json.loads(reader.read(META).tobytes(), parse_constant=constant)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise reader.refuse("is damaged: its meta data is not JSON.") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise reader.refuse("is not a minivit checkpoint: its meta data says so.")
    version = meta.get("format_version")
    if type(version) is not int or version < 1:
        raise reader.refuse("is damaged: its format version is not a positive integer.")
    if version > FORMAT_VERSION:
        versions = meta.get("versions")
        maker = versions.get("minivit") if isinstance(versions, dict) else "unknown"
        raise reader.refuse(
            f"was made by minivit {' '.join(str(maker)[:20].split())}, this is "
            f"{VERSION}; upgrade minivit."
        )
    return meta
