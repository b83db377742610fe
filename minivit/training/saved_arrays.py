"""The arrays of a Trainer that a checkpoint holds: weights and the optimizer's memory."""

import numpy as np

WHOLE = ("model", "optimizer/ema")  # groups that hold frozen parameters too


def vectors(trainer):
    """The flat vectors: {"model", "optimizer/m", ...}."""
    state = {f"optimizer/{name}": vector for name, vector in trainer.update.state.items()}
    return {"model": trainer.vector, **state}


def headers(trainer):
    """{name of an array: (shape, dtype)}."""
    learning, frozen = trainer.weights.places, trainer.weights.frozen_places
    return {
        f"{group}/{name}": (shape, np.dtype(np.float32))
        for group in vectors(trainer)
        for name, (_, _, shape) in (learning | frozen if group in WHOLE else learning).items()
    }


def gather(trainer):
    """{name of an array: it}, on the host. Among several ranks, rank 0 has all of them."""
    if trainer.regions:
        for vector in trainer.update.state.values():
            trainer.ranks.collect(vector, trainer.regions)
    return {
        f"{group}/{name}": leaf
        for group, vector in vectors(trainer).items()
        for name, leaf in trainer.weights.leaves(vector, whole=group in WHOLE)
    }


def hand_out(trainer):
    """Give every rank the arrays of rank 0."""
    whole, nothing = slice(None), slice(0, 0)
    for vector in vectors(trainer).values():
        trainer.ranks.spread(vector, [whole] + [nothing] * (trainer.ranks.size - 1))


def restore(trainer, arrays):
    """Take up such arrays. Every rank takes all: those outside its region are not used."""
    for group, vector in vectors(trainer).items():
        trainer.weights.restore(vector, arrays, f"{group}/", whole=group in WHOLE)
