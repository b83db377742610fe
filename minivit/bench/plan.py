"""Plan: how long a training step takes on many ranks, from parts that are measured here.

    compute   = ceil(micro-batches of a rank / workers) * a micro-batch
    add       = (sums within a rank / workers + N - 1 received regions) * numbers of those
    update    = numbers of a region / workers
    send      = 2 (N - 1) messages of a region: gradients, then weights

    step      = compute + add + update + send
    overlapped: send is hidden behind the backward pass, as far as that goes

N ranks; a region is the part of the parameters that a rank updates, P / N numbers. Left out are:
waiting for the slowest rank, contention in the network, and a matrix library that slows down where
many cores share a memory. So it is a bound: a real cluster is not faster than this.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..arrays import tree
from ..arrays.keys import generator
from ..config import Config
from ..costs import parameters
from ..layers import CrossEntropy
from ..optim import AdamW, sum_of_squares
from ..parallel.workers import Workers
from ..training.micro_batches import micro_batches
from ..training.presets import PRESETS
from ..vit import ViT
from .timing import average, no_wait

RANKS = (8, 16, 32, 64, 128, 256, 512, 1024)
SLICE = 1 << 16  # numbers that are added and updated at once
BACKWARD = 2 / 3  # the share of compute in which gradients become known


@dataclass(frozen=True)
class Job:
    """A model and the number of images in a step, for all ranks together."""

    config: Config
    batch: int


JOBS = {
    "tiny": Job(Config(**PRESETS["tiny"].model), PRESETS["tiny"].recipe["batch_size"]),
    # the paper's batch (arXiv:2010.11929, table 3)
    "B/16": Job(Config.variant("B/16", image_size=224, classes=1000), 4096),
    "L/16": Job(Config.variant("L/16", image_size=224, classes=1000), 4096),
}


@dataclass(frozen=True)
class Parts:
    """What was measured, in seconds of one worker: a micro-batch; a number added, updated."""

    micro_batch: float
    add: float
    update: float


@dataclass(frozen=True)
class Network:
    """bandwidth: bytes a second that a rank sends; latency: seconds of a short message."""

    bandwidth: float
    latency: float


@dataclass(frozen=True)
class Step:
    """A planned step, in seconds."""

    ranks: int
    images: float
    compute: float
    add: float
    update: float
    send: float

    @property
    def seconds(self):
        """Of the whole step, as it is built."""
        return self.compute + self.add + self.update + self.send

    @property
    def overlapped(self):
        """The same if gradients, half of what is sent, were sent during the backward pass."""
        return self.seconds - min(self.send / 2, BACKWARD * self.compute)


def measure(config, batch, cores=None, seconds=0.5):
    """The Parts of a model on this machine, measured on all its cores at once or on so many."""
    start, stop = micro_batches(config, batch)[0]
    model, rng = ViT(config), np.random.default_rng(0)
    loss = CrossEntropy()
    params = tree.map(lambda x: x.astype(np.float32), model.init(generator(0, "init")))
    shape = (stop - start, *config.image_shape)
    images = rng.standard_normal(shape, np.float32)
    labels = rng.integers(0, config.classes, stop - start)

    vectors = rng.standard_normal((4, 1 << 22), np.float32)  # more than the cache holds
    vector, gradient, m, v = vectors
    slices = [slice(i, i + SLICE) for i in range(0, len(vector), SLICE)]
    np.abs(v, out=v)

    def micro_batch(indices):
        for _ in indices:
            logits, cache = model.forward(params, images)
            _, loss_cache = loss.forward(logits, labels)
            model.backward(loss.backward(1.0, loss_cache), cache)

    def add(indices):
        for _ in indices:
            for part in slices:
                vector[part] += gradient[part]

    def update(indices):
        for _ in indices:
            for part in slices:
                sum_of_squares(gradient[part])
                state = {"m": m[part], "v": v[part]}
                AdamW().update(vector[part], gradient[part], state, 1e-4, 1, 0.1)

    with Workers(cores) as workers:  # all at work, as they are in a step
        workers.register(micro_batch, add, update)
        own = [
            average(partial(workers.run_tasks, workers.count, work), no_wait, seconds)
            for work in (micro_batch, add, update)
        ]
    return Parts(own[0], own[1] / len(vector), own[2] / len(vector))


def step(job, parts, network, ranks, workers, batch=None):
    """The Step of `ranks` ranks of `workers` workers. batch: of all ranks, if not the job's."""
    numbers, batch = parameters(job.config), batch or job.batch
    count = len(micro_batches(job.config, batch))
    mine = -(-count // ranks)  # the slowest rank
    region = numbers / ranks
    within = (mine - 1) * numbers / min(workers, mine)
    others = min(ranks, count) - 1  # those that have a sum to send
    messages = (ranks - 1) * network.latency + (ranks - 1) * 4 * region / network.bandwidth
    return Step(
        ranks=ranks,
        images=batch / ranks,
        compute=-(-mine // workers) * parts.micro_batch,
        add=parts.add * (within + others * region / workers),
        update=parts.update * region / workers,
        send=2 * messages,
    )


def steps(job, parts, network, workers, most, ranks=RANKS):
    """One rank, and then more and more of them up to `most`, on the same batch -> [Step, ...]."""
    return [step(job, parts, network, n, workers) for n in (1, *(n for n in ranks if n <= most))]
