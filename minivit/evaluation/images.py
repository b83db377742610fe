"""The images on which a model is judged: by default those that its own run put aside."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import data
from ..data import TargetFile, batches
from ..data.resize import in_channels, resized
from ..errors import ConfigError, DataError
from ..text import counted
from ..training.recipe import Recipe
from ..training.run_meta import TARGETS
from . import classes, fitting
from .at_size import is_own, other_size

PARTS = {  # what one image of each is called
    "test": "test image",
    "val": "validation image",
    "train": "training image",
    "all": "image",
}


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of a data set with their labels or targets.

    dataset: its name; name: of PARTS; classes: a name for each label; images (n, H, W, C) uint8;
    targets (n, ...); indices (n,): where they are among all test images, or among all training
    images; of "all" the training images come first; notes: sentences for the user; files: of each
    image, () if they have none; rest: how many other images of the data set could be judged as
    well, where the test set was drawn from images that are new to the model.
    """

    dataset: str
    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    targets: np.ndarray
    indices: np.ndarray
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    rest: int = 0

    def counted(self):
        """How many images of which kind: "10,000 test images"."""
        return counted(len(self.images), PARTS[self.name])


def recipe_of(trained):
    """The Recipe that a `Trained` was trained with; None if its file does not say."""
    values = trained.about.get("recipe")
    return Recipe.from_dict(values) if isinstance(values, dict) else None


def _source_of(trained):
    """Where the images of its run are, {"dataset", "data_dir"}; None if its file does not say."""
    source, name = trained.about.get("source"), trained.about.get("dataset")
    if source is None and name in data.NAMES:  # all that a file of weights says
        return {"dataset": name}
    if not isinstance(source, dict) or not isinstance(source.get("dataset"), str):
        return None
    return source if isinstance(source.get("data_dir"), str | None) else None


def load_part(trained, name="test", dataset=None, data_dir=None, say=print, options=None):
    """The part `name` of a data set, for a `Trained` -> Part: see `load_parts`."""
    return load_parts(trained, (name,), dataset, data_dir, say, options=options)[0]


def load_parts(
    trained, names, dataset=None, data_dir=None, say=print, any_classes=False, options=None
):
    """Parts of a data set, which is loaded once, for a `Trained` -> list of Part.

    names: of PARTS. dataset, data_dir: as for `data.load`; by default those of the run that the
    model is of. say: called with each line that loading has for the user. any_classes: whether the
    classes may be others than the model's, and the images of another kind, which are made such as
    it takes. options: those of `TargetFile.of`.

    Raises ConfigError where it is not known which data set or which part is meant, or where the
    data set does not fit the model; DataError for data that is missing or damaged.
    """
    recipe, source = recipe_of(trained), _source_of(trained)
    if dataset is None and source is None:
        raise ConfigError(
            "the model file does not say where the images it was trained on are: name a data set "
            "with --dataset."
        )
    if "val" in names and recipe is None:
        raise ConfigError(
            "the model file does not say which images were held out for validation: use --split "
            "test."
        )
    dataset, data_dir = (dataset, data_dir) if dataset is not None else _place(source, data_dir)
    options = options or {}
    if set(names) == {"all"}:  # whatever fold the test set would be
        options = {name: value for name, value in options.items() if name != "fold"}
    c, targets = trained.config, targets_of(trained, dataset, options)

    def load(size):
        how = {"image_size": size, "crop": trained.crop, "channels": c.channels}
        return data.load(dataset, data_dir, say, **how, targets=targets)

    whole = load(c.image_size)
    size, own = other_size(trained, whole, any_classes), is_own(trained, whole, load)
    fitting.refuse_misfits(trained, whole, any_classes, size)
    folds = _folds(trained, dataset, targets)
    notes = tuple(fitting.notes(trained, whole, own, size, any_classes, folds))
    order = None if any_classes else classes.order(trained, whole)
    names_of = whole.classes if order is None else trained.classes
    count, parts = len(whole.train_images), []
    for name in names:
        indices = _indices(whole, recipe, name, own)
        images, targets, files = _arrays(whole, name, indices)
        said, rest = notes, 0
        if name == "all" and own:
            said += (f"the model's run has used {count:,} of these images to learn",)
        if name == "test" and whole.divided and not own and not folds:
            rest = count
        targets = targets if order is None else order[targets]
        images = in_channels(images, c.channels) if any_classes else images
        images = resized(images, size) if size else images
        parts.append(Part(whole.name, name, names_of, images, targets, indices, said, files, rest))
    return parts


def targets_of(trained, dataset, options):
    """The `TargetFile` of the model's own run, changed by `options`, or of these; or None."""
    source, saved = _source_of(trained) or {}, None
    values = source.get("targets") if source.get("dataset") == dataset else None
    if values is not None and not TARGETS.problem(values):
        saved = TargetFile.from_dict(values)
    wanted = getattr(trained.objective, "targets", None)
    if wanted and not saved and options.get("targets") and not options.get("target_column"):
        options = {**options, "target_column": wanted}
    return TargetFile.of(options, saved)


def _place(source, data_dir):
    """The run's own data set and where it is, or `data_dir` if that is given."""
    name, own_dir = source["dataset"], source.get("data_dir")
    if name not in data.NAMES and not Path(name).is_dir():
        raise DataError(
            f"the model was trained on the images in {name}, which is not there: give their "
            "directory with --dataset DIR."
        )
    return name, data_dir or (own_dir if own_dir and Path(own_dir).exists() else None)


def _indices(dataset, recipe, name, own):
    """Which images of the data set belong to the part. own: it is the one of the model's run."""
    count, tests = len(dataset.train_images), len(dataset.test_images)
    if name in ("test", "all"):
        return np.arange(tests if name == "test" else count + tests)
    if name == "train" and not (own and recipe):
        return np.arange(count)
    if not own:
        raise ConfigError(
            "which images were held out for validation is known for the images of the run only, "
            f"and {dataset.name} differs from them: use --split test."
        )
    how = recipe.val_fraction, recipe.seed, recipe.train_fraction
    training, validation = batches.split(count, *how)
    if name == "val" and not len(validation):
        raise ConfigError(
            f"the run held out no images for validation (val_fraction {recipe.val_fraction}): "
            "use --split test."
        )
    return validation if name == "val" else training


def _arrays(dataset, name, indices):
    """Images, targets and files of a part."""
    d = dataset
    if name == "all":
        images = np.concatenate([d.train_images, d.test_images])
        targets = np.concatenate([d.train_labels, d.test_labels])
        return images, targets, d.train_files + d.test_files
    of = "test" if name == "test" else "train"
    images, targets, files = (getattr(d, f"{of}_{what}") for what in ("images", "labels", "files"))
    if len(indices) < len(images):
        images, targets = images[indices], targets[indices]
        files = tuple(files[i] for i in indices) if files else ()
    return images, targets, files


def _folds(trained, dataset, targets):
    """The fold of the model's run and the one in `targets`, in words, if they differ; or None."""
    own = targets_of(trained, dataset, {}) if targets else None
    pair = [f"{t.fold}/{t.folds}" for t in (own, targets) if t]
    return tuple(pair) if len(pair) == 2 and pair[0] != pair[1] else None
