"""What a run takes from its data set: the model's sizes, the objective, what may vary."""

import json
from dataclasses import replace

from ..config import Config
from ..data.resize import at_size
from ..errors import CheckpointError, ConfigError, DataError
from ..models import MASKED, objective_of
from ..objective import OBJECTIVES, Classification, MultiLabel, Regression, remade
from ..storage.checkpoint import MAX_META_BYTES

MOST_NAMES = MAX_META_BYTES - (1 << 16)  # bytes of the classes' names; the rest is for all else


def fitted_images(plan, dataset, asked):
    """The data set with its images resized, where a run with --from asks for that, or asked before.

    asked: the options that were given. Raises ConfigError where the targets tell of pixels.
    """
    size, has = plan.config.image_shape[:2], dataset.train_images.shape[1:3]
    wanted = plan.saved if plan.begun_with and not plan.start else "image_size" in asked
    return at_size(dataset, size) if plan.begun_with and wanted and has != size else dataset


def fitted(config, dataset, asked):
    """`config` with the data's image size, channels and classes, unless others were asked for."""
    names = dataset.classes or dataset.target_names
    size, what = len(json.dumps(names)), "classes" if dataset.classes else "targets"
    if size > MOST_NAMES:
        raise DataError(
            f"{dataset.name}: the names of its {len(names):,} {what} have {size:,} "
            f"bytes, and a checkpoint holds {MOST_NAMES:,}; give the {what} shorter names."
        )
    height, width, channels = dataset.train_images.shape[1:]
    shown = Config.settings()
    image_size = shown["image_size"].plain((height, width))
    sizes = {"image_size": image_size, "channels": channels, "classes": dataset.outputs}
    for name, size in sizes.items():
        if shown[name].plain(asked.get(name, size)) != size:
            option = "--" + name.replace("_", "-")
            value, size = (shown[name].in_words(each) for each in (asked[name], size))
            raise ConfigError(f"{option} {value}: {dataset.name} has {size}; leave the option out")
    return replace(config, **sizes)


def objective_name(recipe, dataset):
    """The name of the objective. Raises ConfigError where the data set does not go with it."""
    kind = recipe.objective
    if kind == MASKED:
        return kind
    if dataset.classes:
        if kind not in ("auto", Classification.name):
            raise ConfigError(
                f"{dataset.name} has classes, and the objective {kind} is for targets: give a "
                "directory of images and --targets FILE.csv"
            )
        return Classification.name
    if kind == Classification.name:
        raise ConfigError(f"{dataset.name} has targets and no classes; leave out --objective")
    return Regression.name if kind == "auto" else kind


def fitted_recipe(recipe, dataset, asked):
    """`recipe` without what the data set does not go with, and notes that say so.

    Raises ConfigError for such things that were asked for.
    """
    wrong = {}  # name: value that goes with the data
    if not dataset.classes:
        wrong = {"mixup": 0.0, "cutmix": 0.0}
        if asked.get("smoothing"):
            raise ConfigError(f"--smoothing is for classes, and {dataset.name} has none")
    why, reason = "mix classes, and the data has none", "the data has no classes to mix"
    if dataset.placed:
        wrong |= {"augment": False, "policy": "none"}
        why = "would change what the targets tell"
        reason = f"it {why}"
    off = {name: value for name, value in wrong.items() if getattr(recipe, name) != value}
    for name in off:
        if name in asked:
            raise ConfigError(f"--{name}: {dataset.name}: {reason}; leave the option out")
    notes = [f"without {', '.join(off)}, which {why}"] if off else []
    if not dataset.classes and recipe.objective == "auto" and _yes_or_no(dataset.train_labels):
        notes.append(
            f"all targets are 0 or 1: --objective {MultiLabel.name} takes them for labels, yes or "
            "no; this is a regression"
        )
    return replace(recipe, **off), tuple(notes)


def _yes_or_no(targets):
    return bool(((targets == 0) | (targets == 1)).all())


def objective_for(plan, dataset, training):
    """The objective of a run: of its classes, or of the targets of the images `training`.

    A run that goes on has that of its checkpoint, and one that begins with a model for the same
    targets has the model's, with its scale. Raises CheckpointError for other targets than those.
    """
    config, recipe, saved, start = plan.config, plan.recipe, plan.saved, plan.start
    if dataset.classes or recipe.objective == MASKED:
        return objective_of(config, recipe)
    names = dataset.target_names or tuple(f"target {k + 1}" for k in range(dataset.outputs))
    if saved and saved.objective in OBJECTIVES:
        made = remade(saved.objective, config, recipe, saved.meta.get("objective_fields"))
        if getattr(made, "targets", None) != names:
            raise CheckpointError(
                f"{saved.path} was trained on other targets than {', '.join(names)}: give it those "
                "it was begun with, or start a new run."
            )
        return made
    if start and start.keeps_head:
        return start.objective
    kind = OBJECTIVES[objective_name(recipe, dataset)]
    return kind.for_targets(names, dataset.train_labels[training])
