"""Write a trained model for timm, for Hugging Face, or as the authors' npz.

    timm          FILE.safetensors, and config.json beside it; or both in a directory
    huggingface   a directory: model.safetensors, config.json, preprocessor_config.json
    authors       FILE.npz, weights only
    minivit       FILE.npz, all that `minivit.load` gives (`Trained.save`)

Files that are there already are never written over, and none is left half-written. Dropout and the
like act in training alone, and are not written.
"""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arrays import tree
from ..errors import BackendError, CheckpointError, ConfigError
from ..storage import atomic, npz
from .beside import CONFIG, PREPROCESSOR
from .configs import hugging_face_config, hugging_face_preprocessor, timm_config
from .files import WEIGHTS
from .formats import FORMATS, check, format_of, is_directory
from .layouts import places


class Exported(NamedTuple):
    """What was written: the format's name, the files, how to read them, and what to know."""

    format: str
    files: list
    read_with: str
    notes: list


def export(trained, path, format=None, weights_only=False):
    """Write a `Trained` to `path` -> Exported.

    format: a name of `formats.FORMATS`; None: by the end of `path` (see `format_of`). weights_only:
    the format "minivit". Raises ConfigError for a model that the format cannot hold and for a path
    that is taken, BackendError without the package safetensors, CheckpointError if it cannot be
    written.
    """
    name = prepare(path, format, weights_only)
    notes = check(trained, name)
    if name == "minivit":
        trained.save(path)
        return Exported(name, [str(path)], f'minivit.load("{path}")', notes)
    arrays = arrays_of(trained, FORMATS[name].layout)
    if name == "authors":
        with atomic.replacing(path) as temporary:
            npz.write(temporary, arrays)
        return Exported(name, [str(path)], "", [*notes, *_authors_notes(trained)])
    if name == "timm":
        files = {CONFIG: timm_config(trained)}
    else:
        files = {
            CONFIG: hugging_face_config(trained),
            PREPROCESSOR: hugging_face_preprocessor(trained),
        }
    place, weights = Path(path), WEIGHTS
    if not is_directory(path, name):
        place, weights = place.parent, place.name
    written = _write(path, place, weights, arrays, files)
    return Exported(name, written, _read_with(name, place), notes)


def prepare(path, format=None, weights_only=False):
    """The name of the format, after a check of all that can be checked without the model.

    Raises as `export` does.
    """
    name = format_of(path, format, weights_only)
    place = Path(path)
    if is_directory(path, name):
        if place.is_dir() and (inside := sorted(os.listdir(place))):
            raise ConfigError(f"{path} is a directory that is not empty (it holds {inside[0]}); "
                              "name a new one.")  # fmt: skip
        taken = [] if place.is_dir() else [place]
    else:
        taken = [place, *([place.with_name(CONFIG)] if name == "timm" else [])]
    for file in taken:
        if os.path.lexists(file):
            beside = f", and timm reads {CONFIG} beside the weights" if file != place else ""
            raise ConfigError(f"{file} is there already{beside}; export writes over nothing, so "
                              "name another place or remove it.")  # fmt: skip
    if name in ("timm", "huggingface"):
        _save_file()
    return name


def arrays_of(trained, layout):
    """{name: float32 array} of all weights, as a file with this layout has them."""
    leaves, arrays = dict(tree.walk(trained.params)), {}
    found = places(layout, trained.config)
    if leaves.keys() != found.keys():
        wrong = sorted(leaves.keys() ^ found.keys())[0]
        raise CheckpointError(f"nothing is written: the weights are not of this model ({wrong}).")
    for name, place in found.items():
        leaf = np.asarray(leaves[name])
        if leaf.shape != place.here or leaf.dtype != np.float32:
            raise CheckpointError(f"nothing is written: {name} is {leaf.dtype} {leaf.shape}; "
                                  f"it should be float32 {place.here}.")  # fmt: skip
        arrays.update(zip(place.names, place.write(leaf), strict=True))
    return arrays


def _write(path, directory, weights, arrays, configs):
    """Write the file `weights` and {name: dict} into `directory`, all of them or nothing.

    path: what the user calls it. Returns the files, weights first.
    """
    # "format" tells Hugging Face whose names these are; the rest keeps a lone file understandable
    metadata = {"format": "pt", CONFIG: json.dumps(configs[CONFIG])}
    with atomic.explained(path), atomic.filling(directory, last=weights) as new:
        for name, config in configs.items():
            _write_text(new / name, json.dumps(config, indent=2) + "\n")
        _save(new / weights, arrays, metadata)
    return [str(directory / name) for name in (weights, *configs)]


def _write_text(path, text):
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _save_file():
    """safetensors' own function that writes a file. Raises BackendError without the package."""
    try:
        from safetensors.numpy import save_file
    except ImportError:
        raise BackendError(
            "writing safetensors files needs the package: pip install safetensors"
        ) from None
    return save_file


def _save(path, arrays, metadata):
    """Write the new file `path`, and wait until it is on disk. Raises OSError."""
    with open(path, "xb") as file:
        mode = os.fstat(file.fileno()).st_mode
    try:
        _save_file()(arrays, path, metadata)
    except OSError:
        raise
    except Exception as error:  # a SafetensorError, which has the system's error in its text
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else 0
        raise OSError(code, os.strerror(code) if code else str(error)) from error
    os.chmod(path, mode)  # save_file makes a file that its owner alone may read
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _read_with(name, directory):
    """The line of Python that reads what was written."""
    if name == "timm":
        return f'timm.create_model("local-dir:{directory}", pretrained=True)'
    return f'transformers.ViTForImageClassification.from_pretrained("{directory}")'


def _authors_notes(trained):
    """What an npz of the authors does not say, and their code has to be told."""
    mean, std = (", ".join(map(str, v)) for v in (trained.mean, trained.std))
    notes = [f"the authors' format holds no names of classes and no normalisation; this model's "
             f"images have mean {mean} and std {std} (of pixels from 0 to 1)."]  # fmt: skip
    if trained.config.pool == "mean":
        notes.append('the model reads the mean of the tokens: classifier="gap" in their code.')
    return notes
