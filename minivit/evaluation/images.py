"""The images on which a model is judged: by default those that its own run put aside."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import data
from ..data import batches
from ..errors import ConfigError, DataError
from ..objective import Classification
from ..storage import checkpoint
from ..training.record import fingerprint
from ..training.saved_run import SavedRun

PARTS = ("test", "val", "train")


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of a data set with their labels or targets.

    dataset: its name; name: "test", "val" or "train"; classes: a name for each label; images
    (n, H, W, C) uint8; targets (n, ...); indices (n,): where they are among all test images, or
    among all training images; notes: sentences for the user.
    """

    dataset: str
    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    targets: np.ndarray
    indices: np.ndarray
    notes: tuple[str, ...] = ()


def saved_run(path):
    """The SavedRun that the model in `path` is of; None for a file of weights without a run."""
    path = Path(path)
    if not path.is_dir() and "recipe" not in checkpoint.read_meta(path):
        return None
    return SavedRun.read(path)


def load_part(trained, run, name="test", dataset=None, data_dir=None, say=print):
    """The part `name` of a data set, for a `Trained` model -> Part.

    run: its SavedRun, or None; dataset, data_dir: as for `data.load`; by default the run's own.
    say: called with each line that loading has for the user.

    Raises ConfigError where it is not known which data set or which part is meant, or where the
    data set does not fit the model; DataError for data that is missing or damaged.
    """
    if dataset is None and run is None:
        raise ConfigError(
            "the model file does not say where the images it was trained on are: name a data set "
            "with --dataset."
        )
    if name == "val" and run is None:
        raise ConfigError(
            "the model file does not say which images were held out for validation: only a run's "
            "own checkpoint does; use --split test."
        )
    whole = _load(trained, *_place(run, dataset, data_dir), say)
    _refuse_misfits(trained, whole)
    own = bool(run) and fingerprint(whole) == run.meta["dataset"]["sha256"]
    indices = _indices(whole, run, name, own)
    of = "test" if name == "test" else "train"
    images, targets = getattr(whole, f"{of}_images"), getattr(whole, f"{of}_labels")
    if len(indices) < len(images):
        images, targets = images[indices], targets[indices]
    notes = tuple(_notes(trained, whole, run, own))
    return Part(whole.name, name, whole.classes, images, targets, indices, notes)


def _place(run, dataset, data_dir):
    """Which data set, and in which directory: what the user says, or else what the run says."""
    if dataset is not None:
        return dataset, data_dir
    source = run.meta["source"]
    if source["dataset"] not in data.NAMES and not Path(source["dataset"]).is_dir():
        raise DataError(
            f"the model was trained on the images in {source['dataset']}, which is not there: "
            "give their directory with --dataset DIR."
        )
    own_dir = source["data_dir"]
    return source["dataset"], data_dir or (own_dir if own_dir and Path(own_dir).exists() else None)


def _load(trained, dataset, data_dir, say):
    """The Dataset. Files of images are cut as `trained.crop` says, after they are resized."""
    size, crop = trained.config.image_size, getattr(trained, "crop", 1.0)
    if dataset in data.NAMES or crop == 1:
        return data.load(dataset, data_dir, say, image_size=size)
    larger = round(size / crop)
    whole, edge = data.load(dataset, data_dir, say, image_size=larger), (larger - size) // 2
    middle = slice(edge, edge + size)
    return data.Dataset(
        whole.name,
        whole.classes,
        np.ascontiguousarray(whole.train_images[:, middle, middle]),
        whole.train_labels,
        np.ascontiguousarray(whole.test_images[:, middle, middle]),
        whole.test_labels,
        whole.note,
    )


def _refuse_misfits(trained, dataset):
    """Raise ConfigError if the images or the classes are not such as the model knows."""
    config = trained.config
    takes = (config.image_size, config.image_size, config.channels)
    has = dataset.train_images.shape[1:]
    if has != takes:
        raise ConfigError(
            f"the model takes images of {_times(takes)} (height x width x channels), and those of "
            f"{dataset.name} are {_times(has)}."
        )
    classifies = isinstance(trained.objective, Classification)
    if classifies and len(dataset.classes) != trained.objective.classes:
        raise ConfigError(
            f"the model knows {trained.objective.classes} classes, and {dataset.name} has "
            f"{len(dataset.classes)}: they must be the same."
        )


def _times(sizes):
    return " x ".join(map(str, sizes))


def _indices(dataset, run, name, own):
    """Which images of the data set belong to the part."""
    if name == "test":
        return np.arange(len(dataset.test_images))
    count = len(dataset.train_images)
    if run is None or (not own and name == "train"):
        return np.arange(count)
    if not own:
        raise ConfigError(
            f"which images were held out for validation is known for the images of the run only, "
            f"and {dataset.name} differs from them: use --split test."
        )
    training, validation = batches.split(count, run.recipe.val_fraction, run.recipe.seed)
    if name == "val" and not len(validation):
        raise ConfigError(
            f"the run held out no images for validation (val_fraction {run.recipe.val_fraction}): "
            "use --split test."
        )
    return validation if name == "val" else training


def _notes(trained, dataset, run, own):
    """What the user should know of the data set beside the model."""
    if dataset.note:
        yield dataset.note
    if run and not own:
        was = run.meta["dataset"]["name"]
        if was == dataset.name:
            yield f"the images or labels of {was} have changed since the model was trained"
        else:
            yield f"the model was trained on {was}, not on {dataset.name}"
    if trained.classes and dataset.classes:
        pairs = zip(trained.classes, dataset.classes, strict=False)
        other = [(ours, theirs) for ours, theirs in pairs if ours != theirs]
        if other:
            yield (
                f"{len(other)} of {len(dataset.classes)} classes have another name in the data set "
                f"(the first: {other[0][0]!r}, there {other[0][1]!r}); they are matched by number"
            )
