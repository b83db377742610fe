"""Checkpoints: everything a run has to remember, in one file that is whole or not there.

A checkpoint is a flat dictionary of named host arrays ("model/block3.attn.qkv.w") and one of
plain values (configuration, position in the run), stored as `minivit.storage.npz` describes.
The plain values are JSON in the member `__meta__`, together with

    format, format_version    what the file is
    versions                  of minivit, NumPy and Python that wrote it
    sha256                    over the values' JSON and, by sorted name, every array's
                              (name, dtype, shape) and bytes

The hash finds damage (a flipped bit, arrays of two files mixed), not malice. Saving refuses
weights that are not finite, so a run that diverges cannot overwrite its last good checkpoint.
`np.load(path)` opens the same file.
"""

import hashlib
import json
import math
import os
import platform

import numpy as np

import minivit

from ..errors import CheckpointError
from . import atomic, npz
from .compare import differences, mismatches

__all__ = ["copy", "differences", "load", "read_meta", "save"]

FORMAT, FORMAT_VERSION = "minivit checkpoint", 1
META = "__meta__"
MAX_META_BYTES = 1 << 20


def save(path, arrays, meta):
    """Write a checkpoint atomically: `path` holds the old one or the new one, never a part.

    arrays: {name: NumPy array}, any memory order or byte order; stored little-endian, C order.
    meta: what JSON can hold (tuples come back as lists); the keys listed above are set here.
    Missing directories are made. Raises CheckpointError, `path` being left as it was, for a
    value that is not finite, an array or a meta that cannot be stored, and a failed write.
    """
    arrays = {name: _portable(path, name, array) for name, array in arrays.items()}
    versions = {
        "minivit": minivit.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    meta = {**meta, "format": FORMAT, "format_version": FORMAT_VERSION, "versions": versions}
    try:
        meta = json.loads(_json(meta))  # as `load` will see it: keys are text, tuples are lists
        meta["sha256"] = _digest(arrays, meta)
        text = _json(meta)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot write {path}: its meta is not JSON ({error}).") from error
    if len(text) > MAX_META_BYTES or len(arrays) >= npz.MAX_MEMBERS:
        raise CheckpointError(
            f"cannot write {path}: {len(arrays)} arrays and {len(text)} bytes of meta are too many."
        )
    with atomic.replacing(path) as temporary:
        npz.write(temporary, {META: np.frombuffer(text, np.uint8), **arrays})


def load(path, expected=None):
    """Read a checkpoint -> (arrays, meta), trusting nothing in it.

    expected: {name: (shape, dtype)}; names, shapes and dtypes must then be exactly these, which
    is checked before any data is read. Raises CheckpointError, one line with the path, for a
    file that is missing, damaged, foreign, newer than this program, not finite or of another
    model. Nothing of a refused file is returned.
    """
    with npz.reading(path) as reader:
        meta = _read_meta(reader)
        headers = {name: header for name, header in reader.headers.items() if name != META}
        problems = "" if expected is None else mismatches(headers, expected)
        if problems:
            raise reader.refuse(f"holds another model: {problems}.")
        arrays = {name: reader.read(name) for name in headers}
        for name, array in arrays.items():
            if not _finite(array):
                raise reader.refuse(f"holds values that are not finite in {name}; use another.")
        if _digest(arrays, meta) != meta.pop("sha256", None):
            raise reader.refuse("is damaged: its content is not what was saved; use another.")
    return arrays, meta


def read_meta(path):
    """The plain values alone, for choosing a model before `load`; the hash is not checked."""
    with npz.reading(path) as reader:
        meta = _read_meta(reader)
    meta.pop("sha256", None)
    return meta


def copy(source, target):
    """Make `target` the same file as the finished checkpoint `source`, atomically.

    A second name of the same bytes where the file system has such (`save` never writes into
    an existing file, so the next save to `source` leaves `target` as it is), else a copy.
    Raises CheckpointError, `target` being left as it was.
    """
    source = os.path.realpath(source)
    if not os.path.isfile(source):
        raise CheckpointError(f"cannot copy {source} to {target}: there is no such checkpoint.")
    with atomic.replacing(target) as temporary:
        atomic.link_or_copy(source, temporary)


def _portable(path, name, array):
    """The array little-endian and C-contiguous (itself if it is so already), or refused."""
    if not isinstance(name, str) or not npz.NAME.fullmatch(name) or name == META:
        raise CheckpointError(f"cannot write {path}: {name!r} cannot be the name of an array.")
    if not isinstance(array, np.ndarray):
        raise CheckpointError(f"cannot write {path}: {name} is not a NumPy array on the host.")
    dtype = array.dtype.newbyteorder("<")
    if not npz.storable(dtype):
        raise CheckpointError(f"cannot write {path}: {name} has dtype {array.dtype}.")
    if not _finite(array):
        raise CheckpointError(
            f"{name} holds values that are not finite; {path} is not written, so what was "
            "saved there before is kept."
        )
    return np.asarray(array, dtype, order="C")


def _finite(array):
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _json(meta):
    """One spelling for equal values, so that the hash of a file read back is the same."""
    return json.dumps(meta, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()


def _digest(arrays, meta):
    """The SHA-256 that the module's docstring describes, in hexadecimal."""
    total = hashlib.sha256(_json({key: meta[key] for key in meta if key != "sha256"}))
    for name in sorted(arrays):
        array = arrays[name]
        total.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        total.update(npz.flat_bytes(array))
    return total.hexdigest()


def _read_meta(reader):
    """The meta of an opened file, after checking that this program understands the file."""
    header = reader.headers.get(META)
    if header is None or header.dtype != np.uint8:
        raise reader.refuse("is not a minivit checkpoint: it has no meta data.")
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
            f"{minivit.__version__}; upgrade minivit."
        )
    return meta
