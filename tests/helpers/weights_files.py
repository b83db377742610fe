"""What the tests of published weights share: files of them, whole, small or forged."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from minivit.errors import CheckpointError
from minivit.pretrained import importing

GOLDEN = Path(__file__).parents[1] / "pretrained" / "golden"


def timm_arrays():
    """{name: array} of a small model in timm's names. The test is skipped without safetensors."""
    numpy = pytest.importorskip("safetensors.numpy")
    return numpy.load_file(GOLDEN / "timm" / "model.safetensors")


def authors_arrays(name="authors"):
    """{name: array} of a small model in the authors' names."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def safetensors_file(path, header, data=b"", length=None):
    """Write a file with this header, JSON or bytes, whatever it claims."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def saved(path, arrays):
    """Write {name: array} as a safetensors file, by hand: also dtypes that NumPy does not have."""
    kinds = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "bool": "BOOL"}
    header, data = {}, b""
    for name, array in arrays.items():
        kind = kinds.get(array.dtype.name, "BF16")
        start = len(data)
        data += array.tobytes()
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, len(data)]}
    return safetensors_file(path, header, data)


def copied(case, directory):
    """A copy of a golden directory or file -> its path."""
    copy = shutil.copytree if (GOLDEN / case).is_dir() else shutil.copy
    return Path(copy(GOLDEN / case, directory / case))


def refused(path, *words, error=CheckpointError, **options):
    """Reading must raise one line with the path and the words."""
    with pytest.raises(error) as caught:
        importing.read(path, **options)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 1000, text
    assert str(path) in text and all(word in text for word in words), text
    return text


def logits(path, **options):
    """Of a fixed picture: to tell whether two models are the same."""
    trained = importing.read(path, **options).trained
    size = trained.config.image_size
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    return trained.outputs(images, workers=1)
