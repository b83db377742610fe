"""What the figures command draws: a model, its images, its recipe, loaded when first needed."""

from functools import cached_property
from pathlib import Path

import numpy as np

from .. import data
from ..errors import CheckpointError, ConfigError, MinivitError
from ..figures.attention import query
from ..figures.subject import Pictures, Subject
from ..storage.directory import RunDirectory
from ..trained import load
from ..training.presets import PRESETS
from ..training.recipe import Recipe
from ..training.saved_run import SavedRun

LOOKED_AT = 1000  # test images; a figure takes as many of them as it can show
PARTS = {  # what is loaded for a kind of figure
    "attention": ("trained", "shown"),
    "rollout": ("trained", "shown"),
    "filters": ("trained", "whitened"),
    "positions": ("trained",),
    "distance": ("trained", "shown"),
    "features": ("trained", "shown"),
    "curves": ("runs",),
    "augmentation": ("recipe", "training"),
}


class Sources:
    """The parts of a `Subject` that the options of the command name. Each is loaded once."""

    def __init__(self, args):
        self.args = args

    def subject(self, kind):
        """What a kind of figure is drawn of."""
        parts = {name: getattr(self, name) for name in PARTS[kind]}
        picked = self.args.images or self.args.pick or [None]
        return Subject(**parts, closely=len(picked), patch=self.args.patch)

    def check(self, kinds):
        """Raise at once what is wrong with a model, images or a patch that an option names."""
        args, parts = self.args, {part for kind in kinds for part in PARTS[kind]}
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
        return load(self.args.model) if self.args.model else None

    @cached_property
    def saved(self):
        """The run that MODEL belongs to, or None: then it is weights only, or not given."""
        if not self.args.model:
            return None
        try:
            return SavedRun.read(self.args.model)
        except CheckpointError:
            return None

    @property
    def recipe(self):
        """That of --preset, or of the run."""
        if self.args.preset:
            return Recipe(**PRESETS[self.args.preset].recipe)
        return self.saved and self.saved.recipe

    @property
    def whitened(self):
        """Whether the run began with a whitening; False where that is not known."""
        return bool(self.saved and self.saved.recipe.whiten)

    @property
    def runs(self):
        """The paths of --runs, or MODEL's own directory if it holds a run."""
        own = self.args.model and Path(self.args.model)
        if own and not own.is_dir():
            own = own.parent
        if own and (self.args.runs or not RunDirectory(own).metrics.is_file()):
            own = None
        return tuple(self.args.runs or ([own] if own else ()))

    @property
    def size(self):
        """The side of the model's images, and their channels."""
        config = self.trained and self.trained.config
        return (config.image_size, config.channels) if config else (32, 3)

    @cached_property
    def files(self):
        """The pictures of --images, or None."""
        if not self.args.images:
            return None
        return Pictures.read(self.args.images, *self.size)

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
        if name is None and self.saved:
            source = self.saved.meta["source"]
            name = source["dataset"]
            if not data_dir and source["data_dir"] and Path(source["data_dir"]).exists():
                data_dir = source["data_dir"]
        if name is None:
            return None, None
        try:
            size = self.size[0]
            return data.load(name, data_dir, say=lambda text: None, image_size=size), None
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
        return Pictures.of(d.test_images, d.test_labels, d.classes, chosen)

    @cached_property
    def training(self):
        """--images, or a few training images."""
        if self.args.images or not self.dataset:
            return self.files
        d = self.dataset
        chosen = list(mixed(len(d.train_images))[:100])
        return Pictures.of(d.train_images, d.train_labels, d.classes, chosen)


def mixed(count):
    """0..count - 1, always in the same order: the images of a directory come class by class."""
    return np.random.default_rng(0).permutation(count)
