"""The network between two ranks: how long a short message takes, and how many bytes a second go."""

import json
from dataclasses import asdict
from time import perf_counter

import numpy as np

from ..ranks.launch import launched
from ..ranks.world import World
from .plan import Network
from .scaling import started

LONG = 1 << 22  # bytes
TURNS = 50


def measured():
    """The Network between two ranks on this machine. Raises BackendError without MPI."""
    return Network(**started("minivit.bench.links", 2))


def here(world):
    """Send arrays of one number and of many to and fro at once -> the Network."""
    seconds = []
    for size in (4, LONG):
        mine, theirs = np.zeros(size // 4, np.float32), np.zeros(size // 4, np.float32)
        other, taken = 1 - world.rank, []
        for _ in range(TURNS):
            begun = perf_counter()
            world.swap([(mine, other)], [(theirs, other)])
            taken.append(perf_counter() - begun)
        seconds.append(float(np.median(taken)))
    return Network(LONG / max(1e-9, seconds[1] - seconds[0]), seconds[0])


if __name__ == "__main__":
    ranks = World(launched())
    ranks.meet({"arithmetic": {}})
    network = here(ranks)
    ranks.finish()
    if ranks.rank == 0:
        print(json.dumps(asdict(network)), flush=True)
