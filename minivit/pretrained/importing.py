"""Read published weights -> a `Trained`, and a report of what was done.

files.py     the file, and what lies beside it
names.py     whose it is, and its names as layouts.py has them
defaults.py  how its program computes, and what its JSON files say
sizes.py     the model's Config, from the shapes of the arrays
filling.py   its parameters, array by array
"""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arrays import tree
from ..errors import ConfigError
from ..objective import Classification
from ..trained import Trained
from . import filling
from .defaults import said as what_is_said
from .files import opened
from .layouts import places
from .names import recognise
from .report import Report
from .sizes import resized, sizes


class Imported(NamedTuple):
    """A `Trained`, and the `Report` of how it was read."""

    trained: Trained
    report: Report


class NoBar:
    """A progress bar that shows nothing."""

    def update(self):
        """An array more has been read."""


def read(path, image_size=None, classes=None, heads=None, mean=None, std=None, progress=None):
    """Read published weights -> Imported.

    path: a file, or a directory with model.safetensors (see `files.opened`). image_size: positions
    are resampled for it, in the way of the weights' program. classes: a new head at zero for so
    many, instead of the file's. heads: of the attention, where nothing else says it. mean, std: of
    the input, in 0..1, lists of one number or of one a channel, where it is known better.
    progress: number of arrays -> a context manager that gives a bar with `update()`.

    Raises CheckpointError for what is not read, ConfigError for options, BackendError without a
    package that is needed.
    """
    with opened(path) as (file, configs):
        found = recognise(file)
        said = what_is_said(found.kind, file, configs)
        said.set("as given", mean=mean, std=std)
        own = sizes(file, found, said, image_size, classes, heads)
        config = resized(own, image_size, classes)
        report = Report(found.kind.name, found.kind.title, os.fspath(path), file.size)
        made = filling.plan(file, found, own, classes is not None, report)
        with (progress or (lambda total: nullcontext(NoBar())))(len(file.shapes)) as bar:
            params = filling.parameters(file, found, made, own, bar)
    filling.resample(found.kind, params, own, config, report)
    if classes is not None:
        filling.add_new_head(params, config, report)
        said.set("a new head", classes=())
    order = places(found.kind.layout, config)
    values = said.values
    names = values["classes"]
    if names and len(names) != config.classes:
        said.notes.append(f"config.json names {len(names)} classes of {config.classes}; "
                          "the names are left out.")  # fmt: skip
        names = ()
    report.fill(config, order, made, found, said)
    trained = Trained(
        config=config,
        params=tree.read_only(tree.unwalk((name, params[name]) for name in order)),
        classes=tuple(names),
        mean=_channels(values["mean"], "mean", config, said),
        std=_channels(values["std"], "std", config, said),
        objective=Classification(config.classes),
        about={"imported": {"format": found.kind.name, "file": Path(path).name}},
        crop=float(values["crop"]),
    )
    return Imported(trained, report)


def _channels(values, name, config, said):
    """(C,) float32 of one number or one a channel. Raises ConfigError."""
    if len(values) not in (1, config.channels):
        raise ConfigError(f"{name} has {len(values)} numbers ({said.origin[name]}), and the model "
                          f"{config.channels} channels; give --{name}.")  # fmt: skip
    return np.broadcast_to(np.asarray(values, np.float32), config.channels).copy()
