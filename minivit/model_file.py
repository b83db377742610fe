"""The file of a trained model: its weights, and what it takes to use them.

Two kinds of files hold one. Both are checkpoints (`storage/checkpoint.py`):

    a run's checkpoint     beside the weights the optimizer's state, to go on training
    a weights-only file    arrays "model/..." alone: for AdamW a third of the size

The meta data of a weights-only file:

    model            the sizes: the fields of Config
    objective        its name, and its own fields (for a classification classes and smoothing)
    classes          the names of the outputs; mean, std, crop: how a picture is prepared
    about            what is known of the model (see `about_run`); plain values only
"""

import dataclasses
import math
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .arrays import tree
from .errors import CheckpointError, ConfigError
from .models import config_of, model_of
from .objective import OBJECTIVES, plain_fields, remade
from .storage import checkpoint, model_paths
from .storage.compare import mismatches
from .storage.directory import RunDirectory
from .storage.meta import problem
from .text import quoted
from .training.resuming import same_run
from .training.run_meta import WEIGHTS_FILE, weights_problem
from .training.saved_run import SavedRun

WEIGHTS, AVERAGE = "model/", "optimizer/ema/"  # how the names of the arrays begin


def write(path, trained):
    """Write a weights-only file of a `Trained`, atomically. Raises CheckpointError, and RunError
    where it would write over the checkpoint of a run, with which the run goes on, or over what is
    no model.

    Paths on this machine are left out: `about["source"]`, and of `about["from"]`, the model that
    its run began with, all but the last name.
    """
    leaves = {WEIGHTS + name: np.asarray(leaf) for name, leaf in tree.walk(trained.params)}
    headers = {name: (leaf.shape, leaf.dtype) for name, leaf in leaves.items()}
    if problems := mismatches(headers, _expected(trained.config, WEIGHTS)):
        raise CheckpointError(f"{path} is not written: the weights do not fit: {problems}.")
    model_paths.refuse_to_write(path)
    objective, about = trained.objective, dict(trained.about)
    about.pop("source", None)
    if "from" in about:
        about["from"] = Path(str(about["from"])).name
    if not dataclasses.is_dataclass(objective):
        raise CheckpointError(f"{path} is not written: {objective!r} is not a dataclass.")
    meta = {
        "model": trained.config.to_dict(),
        "objective": {"name": objective.name, **plain_fields(objective)},
        "classes": list(trained.classes),
        "mean": [float(value) for value in trained.mean],
        "std": [float(value) for value in trained.std],
        "crop": trained.crop,
        "about": about,
    }
    checkpoint.save(path, leaves, meta)


def read(path):
    """The fields of the `Trained` in a file or in a run's directory, as a dict.

    Only the weights are kept in memory, but the whole file is read and its hash checked. Raises
    CheckpointError for a file that is missing, damaged or none of the two kinds.
    """
    path = Path(path)
    model_paths.refuse_unreadable(path)
    if not path.is_dir() and "about" in (meta := checkpoint.read_meta(path)):
        if wrong := problem(WEIGHTS_FILE, meta):
            raise CheckpointError(f"{path} holds no trained model: {wrong}.")
        with one_sentence(path):
            config, objective = config_of(meta["model"]), dict(meta["objective"])
            objective = _kind(path, objective.pop("name"))(**objective)
            own = {"objective": objective, "crop": meta["crop"], "about": meta["about"]}
            return {**_fields(path, config, WEIGHTS, meta, meta), **own}
    saved = SavedRun.read(path)
    with one_sentence(saved.path):
        group = AVERAGE if saved.recipe.ema else WEIGHTS
        _kind(saved.path, saved.objective)
        fields = saved.meta.get("objective_fields")
        objective = remade(saved.objective, saved.config, saved.recipe, fields)
        own = {"objective": objective, "about": about_run(saved)}
        return {
            **_fields(saved.path, saved.config, group, saved.meta, saved.meta["dataset"]),
            **own,
        }


def _fields(path, config, group, meta, values):
    """What both kinds of files have."""
    return {
        "config": config,
        "params": _weights(path, config, group, meta),
        "classes": tuple(values["classes"]),
        "mean": np.asarray(values["mean"], np.float32),
        "std": np.asarray(values["std"], np.float32),
    }


def about_run(saved):
    """What is known of the model of a `SavedRun`: plain values.

    preset, recipe, epochs     how it was trained; epochs: how many of them were done
    dataset, dataset_sha256    the data set's name, and the hash over its images and labels
    source                     where its images were: `data.load(dataset, data_dir)` of these
    weights                    "final weights", "running mean of the weights", "best weights"
    from                       the file of the trained model that it began with, if any
    test                       its metrics on the test set, {"accuracy": 0.8166, "loss": ...},
                               where the run has measured these very weights
    """
    final = "final weights" if saved.complete else "weights after the epochs done"
    final = "best weights" if saved.taken else final
    dataset = saved.meta["dataset"]
    epochs = saved.taken or saved.meta["position"]["epochs_done"]
    about = {
        "preset": saved.meta["preset"],
        "recipe": saved.recipe.to_dict(),
        "epochs": epochs,
        "dataset": dataset["name"],
        "dataset_sha256": dataset["sha256"],
        "source": saved.meta["source"],
        **({"from": saved.meta["from"]} if saved.meta.get("from") else {}),
        "weights": "running mean of the weights" if saved.recipe.ema else final,
    }
    directory = RunDirectory(saved.path.parent)
    if saved.complete and same_run(directory, saved) and (result := directory.result()):
        about["test"] = {
            name.removeprefix("test_"): value
            for name, value in result.items()
            if name.startswith("test_") and type(value) in (int, float) and math.isfinite(value)
        }
    return about


def _weights(path, config, group, meta):
    """The tree of read-only float32 arrays whose names in the file begin with `group`.

    meta: what the file said, by which the model was chosen; it must still say the same.
    """
    _, headers = checkpoint.inspect(path)
    if wrong := weights_problem(config, headers, group):
        raise CheckpointError(f"{path} holds another model than it says: {wrong}.")
    expected = _expected(config, group)
    arrays, now = checkpoint.load(path, expected, group)
    if now != meta:
        raise CheckpointError(f"{path} has changed while it was read; try again.")
    leaves = ((name.removeprefix(group), arrays[name]) for name in expected)
    return tree.read_only(tree.unwalk(leaves))


def _expected(config, group):
    """{name in the file: (shape, dtype)} of a model's weights."""
    leaves = tree.walk(model_of(config).init(None))
    return {group + name: (leaf.shape, np.dtype("<f4")) for name, leaf in leaves}


def _kind(path, name):
    """The objective's class. Raises CheckpointError for one that this program does not know."""
    if name not in OBJECTIVES:
        raise CheckpointError(
            f"{path} was trained for the objective {quoted(name)}, which is not one of "
            f"minivit's own ({', '.join(OBJECTIVES)}); add it to minivit.objective.OBJECTIVES."
        )
    return OBJECTIVES[name]


@contextmanager
def one_sentence(path):
    """Turn the errors of values that are missing or cannot be meant into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        name = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
        raise CheckpointError(f"{path} holds no trained model ({name}{error}).") from None
