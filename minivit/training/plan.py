"""Plan: all that is decided before a run, fresh or resumed, in one immutable value."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from .. import data
from ..arrays.backend import select, special
from ..config import Config
from ..data import Dataset, TargetFile
from ..errors import DataError
from ..models import OWN_RECIPES, config_for, refuse_options, refuse_recipe
from ..storage.directory import RunDirectory
from .arithmetic import arithmetic, changes, unknown_now
from .early_steps import SmallerViT, early_model
from .fine_tuning import Start, refuse_without
from .fitting import fitted, fitted_recipe, objective_name
from .frozen import learner
from .presets import FINE_TUNING, PRESETS
from .recipe import Recipe
from .saved_run import SavedRun


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    config, recipe   the model and how it is trained
    directory        where it writes; None until the data set's name is known, which is part of it
    preset           the name of the preset that config and recipe began with
    dataset          the data set: a name, or a directory of images
    data_dir         where the files of a named data set are; None for the usual place
    xp               numpy or cupy: where it computes
    saved            the run that it goes on with; None for a fresh one
    start            the trained model that a fresh run begins with, or None
    targets          the file with the targets of a directory's images, or None
    notes            what a user should know of the recipe
    """

    config: Config
    recipe: Recipe
    directory: RunDirectory | None
    preset: str = ""
    dataset: str | None = None
    data_dir: str | None = None
    xp: ModuleType = np
    saved: SavedRun | None = None
    start: Start | None = None
    targets: TargetFile | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def fresh(cls, options: dict, start: Start | None = None, new=RunDirectory.new) -> "Plan":
        """A new run. options: {name: value} of those that were given: fields of Config, Recipe and
        Plan, "device" and "out". start: the trained model that it begins with, if any. new(path):
        the RunDirectory of a new run.

        Raises ConfigError for values that do not go together and for an "out" that is not empty,
        BackendError for a device or a library that is missing.
        """
        xp = select(options.get("device", "auto"))
        usual = FINE_TUNING if start else "tiny" if xp is np else "base"
        preset = options.get("preset", usual)
        asked = chosen(options, Recipe)
        # whitening would overwrite the weights of a trained model
        own = {"whiten": False} if start else OWN_RECIPES.get(asked.get("objective"), {})
        recipe = Recipe(**{**PRESETS[preset].recipe, **own, **asked})
        refuse_without(start, preset, recipe, asked)
        usual = PRESETS[preset].model
        if start:
            refuse_options(type(start.config), options)
            config = start.with_options(chosen(options, Config))
        else:
            config = config_for(recipe.objective, usual, options)
        refuse_recipe(config, recipe)
        early_model(learner(config, recipe), recipe.early_drop)  # raises where they do not fit
        plan = cls(
            config,
            recipe,
            new(options["out"]) if "out" in options else None,
            preset,
            options.get("dataset", "auto"),
            options.get("data_dir"),
            xp,
            start=start,
            targets=TargetFile.of(options),
        )
        return plan._with_its_libraries()

    @classmethod
    def resumed(cls, path: str | os.PathLike, options: dict, new=RunDirectory.new) -> "Plan":
        """The rest of the run that the checkpoint or directory `path` holds.

        It goes on as it was begun: of the options only "device", "dataset" and "data_dir" (where
        the same images are now) may differ. "out" is a new directory to go on in: the one it was
        begun in stays as it is. Raises ConfigError for other options, and where later epochs, a
        result or another run would be overwritten; CheckpointError, DataError and BackendError for
        a checkpoint, images or a device that are not there.
        """
        saved = SavedRun.read(path)
        asked = {**chosen(options, type(saved.config)), **chosen(options, Recipe)}
        saved.refuse_options(**asked, **chosen(options, ("preset",)))
        directory = RunDirectory(saved.path.parent)
        out = options.get("out", directory.path)
        if Path(out).resolve() != directory.path.resolve():
            directory = new(out)
        else:
            saved.refuse_overwriting(directory)
        dataset, data_dir = saved.meta["source"]["dataset"], saved.meta["source"]["data_dir"]
        if data_dir and not Path(data_dir).exists():
            data_dir = None
        plan = cls(saved.config, saved.recipe, directory, saved.meta["preset"], dataset, data_dir)
        plan = replace(plan, saved=saved, **chosen(options, ("dataset", "data_dir")))
        if values := saved.meta["source"].get("targets"):
            plan = replace(plan, targets=TargetFile.of(options, TargetFile.from_dict(values)))
        return plan if plan.finished else plan._on_its_device(options.get("device", "auto"))

    @property
    def finished(self) -> bool:
        """Whether the run that it goes on with has been trained and tested already."""
        return bool(self.saved and self.saved.complete and self.directory.result())

    @property
    def begun_with(self) -> str | None:
        """The file of the trained model that the run began with, or None."""
        return self.start.path if self.start else self.saved and self.saved.meta.get("from")

    @property
    def normalisation(self) -> tuple | None:
        """(mean, std) of the model that the run began with, each a list; None without one."""
        if self.start:
            return [float(m) for m in self.start.mean], [float(s) for s in self.start.std]
        if self.begun_with:
            return self.saved.meta["dataset"]["mean"], self.saved.meta["dataset"]["std"]
        return None

    @property
    def changed_arithmetic(self) -> str:
        """What computes otherwise now than in the saved run, in words; "" if nothing does."""
        if not self.saved:
            return ""
        return changes(self.saved.arithmetic, arithmetic(self.xp, self.config))

    @property
    def unknown_arithmetic(self) -> str:
        """What computed the saved run and cannot be found out now, in words."""
        return unknown_now(self.saved.arithmetic, arithmetic(self.xp, self.config))

    def for_data(self, dataset: Dataset, asked: dict) -> "Plan":
        """The same for a data set that is loaded: its sizes, and where it is to be found again.

        asked: the options that were given. Raises ConfigError where they ask for other sizes.
        """
        recipe, notes = fitted_recipe(self.recipe, dataset, asked)
        kind = objective_name(recipe, dataset)
        start = self.start and self.start.for_data(dataset, self.config, recipe.seed, kind)
        config = fitted(start.config if start else self.config, dataset, asked)
        if self.recipe.early_size:
            SmallerViT(config, self.recipe.early_size)  # raises where it does not fit
        if self.dataset in data.NAMES:  # "auto" becomes what it was this time
            place = (
                data.directory(self.data_dir) if data.SOURCES[dataset.name].in_data_dir else None
            )
            source = {"dataset": dataset.name, "data_dir": place and os.path.abspath(place)}
        else:
            path = os.path.abspath(os.path.expanduser(self.dataset))
            source = {"dataset": path, "data_dir": None}
        if self.targets:
            source["targets"] = replace(self.targets, path=os.path.abspath(self.targets.path))
        directory = self.directory
        if directory is None:
            directory = RunDirectory.numbered("runs", f"{dataset.name}-{self.preset}")
        own = {"config": config, "recipe": recipe, "start": start, "directory": directory}
        return replace(self, **own, **source, notes=notes)

    def _on_its_device(self, device):
        """On the device it was begun on, unless another one is asked for."""
        if self.dataset not in data.NAMES and not os.path.isdir(self.dataset or ""):
            raise DataError(
                f"{self.directory.path} was begun with the images in {self.dataset}, which is not "
                "there: give their directory with --dataset DIR."
            )
        xp = select(self.saved.device if device == "auto" else device)
        return replace(self, xp=xp)._with_its_libraries()

    def _with_its_libraries(self):
        """Itself. Raises BackendError now for a library that the first step would miss."""
        if self.config.gelu == "erf":
            special(self.xp.zeros(0))
        return self


def chosen(options, kind):
    """Those of the options that are fields of `kind`, or among the names in it."""
    names = kind if isinstance(kind, tuple) else kind.settings()
    return {name: options[name] for name in names if name in options}
