"""The arrays of a Trainer that a checkpoint holds: weights and the optimizer's memory."""

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device, to_host


def vectors(trainer):
    """The flat vectors: {"model", "optimizer/m", ...}."""
    state = {f"optimizer/{name}": vector for name, vector in trainer.update.state.items()}
    return {"model": trainer.vector, **state}


def headers(trainer):
    """{name of an array: (shape, dtype)}."""
    places = {name: shape for name, (_, _, shape) in trainer.places.items()}
    groups = vectors(trainer)
    return {f"{g}/{n}": (shape, np.float32) for g in groups for n, shape in places.items()}


def gather(trainer):
    """{name of an array: it}, on the host. Among several ranks, rank 0 has all of them."""
    for vector in trainer.update.state.values():
        trainer.ranks.collect(vector, trainer.update.regions)
    return {
        f"{group}/{name}": leaf
        for group, vector in vectors(trainer).items()
        for name, leaf in tree.walk(tree.views(to_host(vector), trainer.places))
    }


def restore(trainer, arrays):
    """Take up such arrays; of the optimizer's only what is in this rank's region."""
    own = trainer.update.regions[trainer.ranks.rank]
    for group, vector in vectors(trainer).items():
        host = np.empty(vector.shape, np.float32)
        for name, leaf in tree.walk(tree.views(host, trainer.places)):
            leaf[...] = arrays[f"{group}/{name}"]
        part = slice(None) if group == "model" else own
        vector[part] = to_device(host[part], trainer.xp)
