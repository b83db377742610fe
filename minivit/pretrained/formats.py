"""What the formats of other programs can hold of a model, and which format a file's name means.

Each format has places for some parts of a model only. What has no place would be lost without a
word, so such a model is refused; minivit's own format holds every model.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..models import refuse_without_blocks
from ..objective import Classification
from ..text import unknown
from .layouts import AUTHORS, HUGGING_FACE, TIMM

DIRECTORY = "directory"
CLOSE = 1e-4  # of the largest logit: a larger difference is no longer the same model
TRIALS = 4  # images


class Format(NamedTuple):
    """One way to write a model.

    takes: endings of a name that it can be written to, ".npz" or DIRECTORY. layout: its table of
    names. eps: what its LayerNorm adds to the variance, None where the format says so itself.
    """

    title: str
    written_to: str
    takes: tuple
    layout: dict | None
    eps: float | None


FORMATS = {
    "timm": Format("timm's", "FILE.safetensors", (".safetensors", DIRECTORY), TIMM, 1e-6),
    "huggingface": Format("Hugging Face's", "a directory", (DIRECTORY,), HUGGING_FACE, None),
    "authors": Format("the authors'", "FILE.npz", (".npz",), AUTHORS, 1e-6),
    "minivit": Format("minivit's own", "FILE.npz --weights-only", (".npz",), None, None),
}
BY_ENDING = {".safetensors": "timm", DIRECTORY: "huggingface", ".npz": "authors"}

# A part that a model may have: what it is called, whether a model has it, and the formats besides
# minivit's own that have a place for it. Sources: as in layouts.py. timm has dropped pre_logits;
# Hugging Face's ViTForImageClassification reads the class token and has no hidden layer; the
# authors' code knows the tanh GELU only, and takes the mean of the tokens as classifier="gap".
PARTS = (
    ("images or patches that are not square",
     lambda model: any(isinstance(size, tuple)
                       for size in (model.config.image_size, model.config.patch_size)), ()),
    ("overlapping patches", lambda model: model.config.patch_overlap > 0, ()),
    ("ReLU", lambda model: model.config.gelu == "relu", ()),
    ("a small stem", lambda model: model.config.stem.startswith("small"), ()),
    ("a ResNet before the patches",
     lambda model: model.config.stem.startswith("R"), ("authors",)),
    ("positions other than a learned vector each", lambda model: model.config.position != "learned",
     ()),
    ("sequence pooling", lambda model: model.config.pool == "sequence", ()),
    ("mean pooling", lambda model: model.config.pool == "mean", ("timm", "authors")),
    ("a hidden layer in the head (pre_logits)", lambda model: model.config.pre_logits > 0,
     ("authors",)),
    ("a hidden layer in the head (head_hidden)", lambda model: model.config.head_hidden > 0, ()),
    ("the exact (erf) GELU", lambda model: model.config.gelu == "erf", ("timm", "huggingface")),
    ("another objective than classification",
     lambda model: model.objective.name != Classification.name, ()),
)  # fmt: skip


def format_of(path, name=None, weights_only=False):
    """The format in which `path` is to be written: a name of FORMATS.

    It follows from the end of the path unless `name` is given. A path without an ending, with a
    slash at its end, or of a directory that exists, is a directory. Raises ConfigError.
    """
    if name is not None and name not in FORMATS:
        raise ConfigError(unknown("format", name, FORMATS))
    if weights_only:
        if name not in (None, "minivit"):
            raise ConfigError(f"weights-only is the format minivit, not {name}; leave one out.")
        name = "minivit"
    ending = _ending(path)
    if name is None:
        if ending not in BY_ENDING:
            raise ConfigError(f"{path} says no format: name FILE.safetensors (timm's), FILE.npz "
                              "(the authors') or a directory (Hugging Face's).")  # fmt: skip
        return BY_ENDING[ending]
    takes = FORMATS[name].takes
    if ending not in takes and (ending in BY_ENDING or DIRECTORY not in takes):
        wanted = " or ".join("a directory" if t == DIRECTORY else f"FILE{t}" for t in takes)
        raise ConfigError(f"{path}: the format {name} is written to {wanted}.")
    return name


def is_directory(path, name):
    """Whether the format `name` is written to `path` as a directory of files."""
    return DIRECTORY in FORMATS[name].takes and _ending(path) != ".safetensors"


def _ending(path):
    text = os.fspath(path)
    if text.endswith(("/", os.sep)) or os.path.isdir(path):
        return DIRECTORY
    return Path(path).suffix.lower() or DIRECTORY


def check(trained, name):
    """Check that the format `name` holds this model -> notes: what whoever reads it must know.

    Raises ConfigError, one sentence with the parts that have no place there, and what holds them.
    """
    if name == "minivit":
        return []
    refuse_without_blocks(trained.config, f"{FORMATS[name].title} format")
    if lost := lost_parts(trained, name):
        raise ConfigError(f"{FORMATS[name].title} format cannot hold {_listed(lost)}; "
                          f"{_what_can(trained)}.")  # fmt: skip
    return _check_eps(trained, name)


def lost_parts(trained, name):
    """The parts of this model that the format `name` has no place for, in words."""
    return [part for part, has, into in PARTS if has(trained) and name not in (*into, "minivit")]


def _what_can(trained):
    """ "A (how) and B (how) can": the formats that hold all of this model."""
    eps = (None, trained.config.norm_eps)
    able = [n for n, f in FORMATS.items() if f.eps in eps and not lost_parts(trained, n)]
    return _listed([f"{FORMATS[n].title} ({FORMATS[n].written_to})" for n in able]) + " can"


def _check_eps(trained, name):
    """The note for a model whose LayerNorm adds another number than the format's, if any.

    How much that matters depends on the weights, so it is measured, on images of noise.
    """
    eps, own = FORMATS[name].eps, trained.config.norm_eps
    if eps in (None, own):
        return []
    config = trained.config
    shape = (TRIALS, *config.image_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    here = trained.outputs(images)
    there = replace(trained, config=replace(config, norm_eps=eps)).outputs(images)
    difference = np.abs(here - there).max() / max(np.abs(here).max(), np.finfo(np.float32).tiny)
    changes = f"changes the logits by {difference:.0e} of the largest (on images of noise)"
    if not difference <= CLOSE:
        raise ConfigError(f"{FORMATS[name].title} format cannot hold the {own:g} that LayerNorm "
                          f"adds to the variance, and the {eps:g} of its programs {changes}; "
                          f"{_what_can(trained)}.")  # fmt: skip
    return [f"LayerNorm adds {own:g} to the variance here; {FORMATS[name].title} format does not "
            f"say so, and its programs add {eps:g}, which {changes}."]  # fmt: skip


def _listed(words):
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
