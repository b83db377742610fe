"""What the tests of checkpoints share: files that are changed or forged, and their refusal."""

import io
import json
import zipfile

import numpy as np
import pytest

from minivit.errors import CheckpointError
from minivit.storage import checkpoint

META = {"config": {"depth": 6, "sizes": (1, 2)}, "position": {"epoch": 3, "best": 0.1}}
# Words of advice to load a file without checks.
UNSAFE = ("pickle", "unsafe", "trust", "allow_pickle", "max_header_size")


def same(loaded, wanted):
    assert loaded.keys() == wanted.keys()
    for name, array in wanted.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape, name
        assert loaded[name].tobytes() == array.tobytes(), name


def refused(path, *words, expected=None):
    """`load` must raise one line with the path and the words, and never advise unsafe loading."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path, expected)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text, text
    assert all(word in text for word in words), text
    assert not any(word in text.replace(str(path), "").lower() for word in UNSAFE), text
    return text


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(text, payload=b""):
    """An npy 1.0 member with this header text, whatever it claims."""
    text = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + payload


def repacked(path, method=zipfile.ZIP_STORED, tamper=None, **members):
    """`path` written anew with members (name -> npy bytes) changed or added.

    `tamper(archive)` may edit the zip's table of contents just before it is written.
    """
    with zipfile.ZipFile(path) as archive:
        old = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    old |= {name + ".npy": data for name, data in members.items()}
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for name, data in old.items():
            archive.writestr(name, data)
        if tamper:
            tamper(archive)


def edit_meta(path, edit):
    """Change the stored meta text; when `edit` is a dict, update it and sign it anew."""
    arrays, meta = checkpoint.load(path)
    if isinstance(edit, dict):
        meta |= edit
        meta["sha256"] = checkpoint._digest(sorted(arrays.items()), meta)
        edit = json.dumps(meta).encode()
    repacked(path, __meta__=npy(np.frombuffer(edit, np.uint8)))
