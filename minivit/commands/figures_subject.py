"""What the figures command draws: a model, its images, its recipe, loaded when first needed."""

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .. import data
from ..data import image_files
from ..data.resize import in_channels, resized
from ..errors import ConfigError, MinivitError
from ..evaluation.at_size import other_size
from ..evaluation.images import recipe_of, targets_of
from ..figures import KINDS
from ..figures.attention import query
from ..figures.subject import Pictures, Subject
from ..storage.directory import RunDirectory
from ..training.presets import PRESETS
from ..training.recipe import Recipe
from .arguments import load_model

LOOKED_AT = 1000  # images at most; a figure takes as many of them as it can show
CLOSELY = 8  # images at most that get a figure of their own


class Sources:
    """The parts of a `Subject` that the options of the command name. Each is loaded once."""

    def __init__(self, args):
        self.args = args

    def subject(self, kind):
        """What a kind of figure is drawn of."""
        parts = {name: getattr(self, name) for name in KINDS[kind].needs}
        if "trained" in parts:
            parts["whitened"] = self.whitened
        own = len(self.files.images) if self.args.images else len(self.args.pick or [None])
        return Subject(**parts, closely=min(own, CLOSELY), patch=self.args.patch)

    def check(self, kinds):
        """Raise at once what is wrong with a model, images or a patch that an option names."""
        args, parts = self.args, {part for kind in kinds for part in KINDS[kind].needs}
        if args.pick and args.images:
            raise ConfigError("--pick chooses from a data set: leave it out beside --images")
        if "trained" in parts and self.trained and args.patch:
            query(self.trained.config, args.patch)
        if "shown" in parts and (args.images or args.dataset or args.pick):
            _ = self.shown
        if "training" in parts and (args.images or args.dataset):
            _ = self.training

    @cached_property
    def trained(self):
        """The model, or None."""
        return load_model(self.args) if self.args.model else None

    def known(self, name):
        """A part of what is known of the model, as a dict: {} where it is not known."""
        value = self.trained.about.get(name) if self.trained else None
        return value if isinstance(value, dict) else {}

    @property
    def recipe(self):
        """That of --preset, or the one by which the model was trained, or None."""
        if self.args.preset:
            return Recipe(**PRESETS[self.args.preset].recipe)
        return recipe_of(self.trained) if self.trained else None

    @property
    def whitened(self):
        """Whether the run began with a whitening; False where that is not known."""
        return self.known("recipe").get("whiten") is True

    @property
    def runs(self):
        """The paths of --runs, or MODEL's own directory if it holds a run."""
        if self.args.runs or not self.args.model:
            return tuple(self.args.runs or ())
        own = Path(self.args.model)
        own = own if own.is_dir() else own.parent
        return (own,) if RunDirectory(own).metrics.is_file() else ()

    @property
    def size(self):
        """The side of the model's images, their channels, and how files are cropped."""
        t = self.trained
        return (t.config.image_size, t.config.channels, t.crop) if t else (32, 3, 1.0)

    @cached_property
    def files(self):
        """The pictures of --images, or None."""
        if not self.args.images:
            return None
        files, _ = image_files.find(self.args.images)
        return Pictures.read(files[:LOOKED_AT], *self.size)

    @property
    def dataset(self):
        """The data set that --dataset names, or the one of the run, or None."""
        dataset, error = self._dataset_or_error
        if error:
            raise error
        return dataset

    @cached_property
    def _dataset_or_error(self):
        """One of them is None. A data set that cannot be loaded is tried only once."""
        name, data_dir = self.args.dataset, self.args.data_dir
        if name is None:  # the run's own: where it was on this machine, or else by its name
            source = self.known("source")
            name, there = source.get("dataset"), source.get("data_dir")
            if isinstance(there, str) and os.path.exists(there):
                data_dir = data_dir or there
            name = name or (self.trained.about.get("dataset") if self.trained else None)
            if not isinstance(name, str) or not (name in data.NAMES or os.path.isdir(name)):
                name = None
        if name is None:
            return None, None
        try:
            size, channels, crop = self.size
            how = {"say": lambda text: None, "image_size": size, "crop": crop, "channels": channels}
            if self.trained:
                how["targets"] = targets_of(self.trained, name, {})
            return data.load(name, data_dir, **how), None
        except MinivitError as error:
            return None, error

    @cached_property
    def shown(self):
        """--images, or those test images that --pick names and then others, mixed by a seed."""
        if self.args.images or not self.dataset:
            return self.files
        d, picked = self.dataset, list(self.args.pick or ())
        count = len(d.test_images)
        if picked and max(picked) >= count:
            raise ConfigError(
                f"--pick {max(picked)}: {d.name} has the test images 0 to {count - 1}"
            )
        others = np.setdiff1d(mixed(count), picked, assume_unique=True)
        chosen = [*picked, *others][:LOOKED_AT]
        return self._as_taken(Pictures.of(d.test_images, d.test_labels, d.classes, chosen))

    @cached_property
    def training(self):
        """--images, or a few training images."""
        if self.args.images or not self.dataset:
            return self.files
        d = self.dataset
        chosen = list(mixed(len(d.train_images))[:100])
        return self._as_taken(Pictures.of(d.train_images, d.train_labels, d.classes, chosen))

    def _as_taken(self, pictures):
        """Pictures of the data set, in the size and the colours that the model takes."""
        if not self.trained:
            return pictures
        images = in_channels(pictures.images, self.trained.config.channels)
        if size := other_size(self.trained, self.dataset, any_size=True):
            images = resized(images, size)
        return replace(pictures, images=images)


def mixed(count):
    """0..count - 1, always in the same order: the images of a directory come class by class."""
    return np.random.default_rng(0).permutation(count)
