"""Does a data set fit a model, and what should the user know of the two?"""

from ..config import Config
from ..errors import ConfigError
from ..objective import Classification
from ..text import printable
from . import classes


def refuse_misfits(trained, dataset, any_classes, size):
    """Raise ConfigError if the images or the classes are not such as the model knows.

    any_classes: whether they may be others; size: to which the images will be resized, or None.
    """
    takes, has = trained.config.image_shape, dataset.train_images.shape[1:]
    if has != takes and not size and not any_classes:
        other = has[2:] == takes[2:] and not dataset.placed
        setting = Config.settings()["image_size"]
        size = setting.in_words(setting.plain(has[:2]))
        way = f"; evaluate --image-size {size} takes the model to that size" if other else ""
        raise ConfigError(
            f"the model takes images of {_times(takes)} (height x width x channels), and those of "
            f"{dataset.name} are {_times(has)}{way}."
        )
    wanted = getattr(trained.objective, "targets", None)
    if wanted and not any_classes and dataset.target_names != wanted:
        has = ", ".join(map(printable, dataset.target_names)) or "classes"
        raise ConfigError(
            f"the model says {', '.join(map(printable, wanted))}, and {dataset.name} has {has}: "
            "they must be the same; --targets and --target-column name those of a directory."
        )
    classifies = isinstance(trained.objective, Classification) and not any_classes
    if classifies and len(dataset.classes) != trained.objective.classes:
        raise ConfigError(
            f"the model knows {trained.objective.classes} classes, and {dataset.name} has "
            f"{len(dataset.classes)}: they must be the same."
        )


def notes(trained, dataset, own, size, any_classes, folds=None):
    """What the user should know of the data set beside the model -> sentences.

    own: whether it is the one of the model's run; folds: if they differ, of these images that of
    the run and the one asked for, ("1/5", "2/5").
    """
    if size:
        yield f"images resized from {_times(dataset.train_images.shape[1:3])} to {_times(size)}"
    if dataset.train_images.shape[3] != trained.config.channels:
        yield "images made grey" if trained.config.channels == 1 else "grey images made colour ones"
    yield from dataset.note.replace(" (--image-size)", "").splitlines()  # no option of this command
    was = trained.about.get("dataset")
    if was and was != dataset.name and not own:
        yield f"the model was trained on {was}, not on {dataset.name}"
    elif folds:
        yield (
            f"these are fold {folds[1]}, and the test set of the model's run was {folds[0]}: if "
            "the images are the same, it has learned from most of these"
        )
    elif "dataset_sha256" in trained.about and not own:
        yield f"the images or labels of {dataset.name} have changed since the model was trained"
    if not any_classes:
        yield from classes.notes(trained, dataset)


def _times(sizes):
    return " x ".join(map(str, sizes))
