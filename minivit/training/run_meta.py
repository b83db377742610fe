"""What a checkpoint says of its run, typed; and what cannot be true of it together.

A file's hash shows that it is as it was written, not who wrote it. So every value is checked for
its type and range before it is used, and the sizes of the model against the arrays in the file.
"""

import numpy as np

from ..arrays import tree
from ..errors import ConfigError
from ..models import model_of, outputs_of
from ..objective import remade
from ..objective.fields import MOST
from ..storage.compare import mismatches
from ..storage.meta import (
    LARGEST,
    Either,
    ListOf,
    MappingOf,
    Number,
    Object,
    Optional,
    Text,
    Whole,
)

MODEL = {"model": {}}  # a Config, which checks its own fields
DATASET = {
    "dataset": {
        "name": Text(),
        "classes": ListOf(Text(control=True)),  # names of directories, which may hold anything
        "mean": ListOf(Number()),
        "std": ListOf(Number(low=0)),
        "sha256": Text(),
    }
}
TARGETS = Object(  # a data.TargetFile
    {
        "path": Text(),
        "name_column": Text(control=True),
        "columns": ListOf(Text(control=True), MOST),
        "fold": Whole(1),
        "folds": Whole(2),
    },
    alone=True,
)
RUN = {  # what a checkpoint says of its run: see `describe` and `Record.save`
    **MODEL,
    **DATASET,
    "recipe": {},  # a Recipe
    "preset": Text(),
    "objective": Optional(Text(), absent=True),
    "device": Optional(Text(choices=("cpu", "gpu")), absent=True),
    "arithmetic": Optional(MappingOf(Optional(Either(Text(), Whole()))), absent=True),
    "objective_fields": Optional(
        MappingOf(ListOf(Either(Number(), Text(control=True)), MOST)), absent=True
    ),
    "source": {
        "dataset": Optional(Text()),
        "data_dir": Optional(Text()),
        "targets": Optional(TARGETS, absent=True),
    },
    "from": Optional(Text(), absent=True),  # the trained model that it began with
    "position": {
        "epochs_done": Whole(),
        "step": Whole(),
        "sums": MappingOf(Optional(Number(high=LARGEST))),
        "elapsed_s": Number(low=0),
        "best": Optional(Number(), absent=True),
        "best_epoch": Optional(Whole(), absent=True),
        "taken": Optional(Whole(), absent=True),
        "best_val_accuracy": Optional(Number(), absent=True),
    },
}

WEIGHTS_FILE = {  # what a file of weights only says: see `model_file`
    **MODEL,
    "objective": {"name": Text()},
    "classes": ListOf(Text(control=True)),
    "mean": ListOf(Number()),
    "std": ListOf(Number(low=0)),
    "crop": Number(low=0),
    "about": {},
}


def contradiction(meta, config, recipe):
    """What cannot be together in the meta of a run with this Config and Recipe; "" if it can."""
    dataset, position = meta["dataset"], meta["position"]
    channels = [len(dataset["mean"]), len(dataset["std"])]
    if channels != [config.channels] * 2 or not all(dataset["std"]):
        return f"dataset.mean and dataset.std are not those of {config.channels} channels"
    if len(dataset["classes"]) not in (0, config.classes):
        return f"it names {len(dataset['classes'])} classes of {config.classes}"
    if wrong := _objective_problem(meta, config, recipe):
        return wrong
    if position["epochs_done"] > recipe.epochs:
        return f"it has done {position['epochs_done']} epochs of {recipe.epochs}"
    if type(position["sums"].get("count")) is not int:
        return "position.sums has no count"
    return ""


def _objective_problem(meta, config, recipe):
    """What is wrong with the fields of the objective, in words; "" if nothing."""
    name = meta.get("objective") or "classification"
    try:
        objective = remade(name, config, recipe, meta.get("objective_fields"))
    except (ConfigError, TypeError) as error:
        return f"its objective cannot be ({error})"
    outputs = outputs_of(config)
    if objective is not None and objective.outputs != outputs:
        return f"its objective has {objective.outputs} outputs, and the model {outputs}"
    return ""


def weights_problem(config, headers, group="model/"):
    """How the weights in a file differ from those of the model `config`, in words; "" if not.

    headers: {name: (shape, dtype)} of all arrays in the file; group: how the names of those begin
    that are meant. Nothing larger than the file's own arrays is made for this, whatever sizes
    `config` has.
    """
    weights = {n.removeprefix(group): h for n, h in headers.items() if n.startswith(group)}
    if config.depth > len(weights):
        return f"{config.depth} blocks, and {len(weights)} arrays of weights"
    leaves = dict(tree.walk(model_of(config).init(None)))
    return mismatches(weights, {name: (leaf.shape, np.float32) for name, leaf in leaves.items()})
