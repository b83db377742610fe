"""The training step and its parts, timed through the Trainer that `train.py` uses.

Ours and the opponent take turns in one process, so that whatever else the machine does meets both
alike. The matrix library is held to one thread only during our steps.
"""

import itertools
from dataclasses import replace
from statistics import median

import numpy as np

from ..data import batches
from ..data.augment.prepare import Preparation
from ..parallel.ordered_sum import OrderedSum
from ..training.recipe import Recipe
from ..training.trainer import Trainer
from .stopwatch import Stopwatch, watching
from .timing import SECONDS, average, synchronizer

PICTURES = 50_000  # as many as CIFAR-10 has: batches are gathered from all over them
WORK = ("train", "fewer", "run", "run_varied", "forward", "prepare", "prepare_varied")
STEPS = 20_000  # of a run that has half of the patches in its first half
VARIED = Preparation(policy="rand", erasing=0.25, mixup=0.8, cutmix=1.0)  # all there is


class Bench:
    """A Trainer on random images of a `Size`, and the pieces of work to time. Close it after use.

    workers: a `Workers` inside its `with`.
    """

    def __init__(self, size, workers, xp=np, pictures=PICTURES):
        self.size, self.workers, self.wait = size, workers, synchronizer(xp)
        c, batch, rng = size.config, size.batch, np.random.default_rng(0)
        shape = (max(pictures, batch), c.image_size, c.image_size, c.channels)
        images = xp.asarray(rng.integers(0, 256, shape, np.uint8))
        labels = xp.asarray(rng.integers(0, c.classes, len(images)))
        recipe = Recipe(batch_size=batch, optimizer="adamw", warmup=0.0, early_drop=0.5)
        mean, std = [0.5] * c.channels, [0.25] * c.channels
        self.trainer = Trainer(c, recipe, STEPS, mean, std, workers, xp)
        self.trainer.step = STEPS // 2
        whole = np.arange(len(images) // batch * batch)  # no ragged batch among those timed

        def endless(prepare):
            options = {"batch_size": batch, "seed": recipe.seed, "prepare": prepare}
            for number in itertools.count(1):
                yield from batches.epoch(images, labels, whole, number=number, **options)

        plain, varied = recipe.preparation(c.classes), replace(VARIED, classes=c.classes)
        self.alone, self.prefetched = endless(plain), batches.prefetch(endless(plain))
        self.varied_alone = endless(varied)
        self.varied_prefetched = batches.prefetch(endless(varied))
        self.images, self.labels = next(self.alone)

    def close(self):
        """Stop the threads that prepare batches."""
        self.prefetched.close()
        self.varied_prefetched.close()

    def train(self):
        """A training step on the same batch every time: normalise, both ways, clip, update."""
        self.trainer.train_step(self.images, self.labels)

    def fewer(self):
        """The same on half of the patches, as in a run's first steps (`Recipe.early_drop`)."""
        now, self.trainer.step = self.trainer.step, 0
        self.train()
        self.trainer.step = now

    def run(self):
        """A step of a real run: its batch comes from the thread that prepares them ahead."""
        self.trainer.train_step(*next(self.prefetched))

    def forward(self):
        """Logits, loss and hits of the batch; nothing is kept."""
        self.trainer.evaluate(self.images, self.labels, self.size.batch)

    def prepare(self):
        """A batch gathered, cropped and mirrored, with nothing else going on."""
        next(self.alone)

    def run_varied(self):
        """A step of a run with every augmentation, its batch prepared ahead."""
        self.trainer.train_step(*next(self.varied_prefetched))

    def prepare_varied(self):
        """A batch with every augmentation, with nothing else going on."""
        next(self.varied_alone)

    def sums(self, steps=3):
        """The share of a step that clipping, optimizer and gradient sums take, over `steps`."""
        watch, trainer = Stopwatch(self.wait), self.trainer
        with (
            watching(trainer.update, "step", lambda *_: "update", watch),
            watching(OrderedSum, "_add", lambda *_: "add", watch),
            watching(trainer, "train_step", lambda *_: "step", watch),
        ):
            for _ in range(steps):
                trainer.train_step(self.images, self.labels)
        whole = {label: total.whole for label, total in watch.totals.items()}
        # threads are all seen here, of processes only the first
        adding = whole.get("add", 0.0) / (1 if self.workers.processes else self.workers.count)
        return (whole["update"] + adding) / whole["step"]

    def turn(self, least=SECONDS):
        """Seconds of each piece of work, and two shares -> dict."""
        found = {name: average(getattr(self, name), self.wait, least) for name in WORK}
        found["optimizer_share"] = self.sums()
        found["data_share"] = 1 - found["train"] / found["run"]
        found["varied_data_share"] = 1 - found["train"] / found["run_varied"]
        return found


def micro_batch(size, workers, xp=np):
    """The images of `size` that one worker takes through the layers at once."""
    bench = Bench(size, workers, xp, pictures=size.batch)
    start, stop = bench.trainer.micro_batches(size.batch)[0]
    return stop - start


def compare(ours, opponent=None, runs=7, least=SECONDS):
    """Turns of `ours` (a Bench) and of `opponent` (or None) -> their medians over `runs`: dicts.

    Whoever was first in one run is second in the next.
    """
    sides = {"ours": ours, **({"torch": opponent} if opponent else {})}
    turns = {name: [] for name in sides}
    for run in range(runs):
        for name in sorted(sides, reverse=run % 2 == 1):
            turns[name].append(sides[name].turn(least))
    return {
        name: {key: median(turn[key] for turn in rows) for key in rows[0]}
        for name, rows in turns.items()
    }
