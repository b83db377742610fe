"""The training step and its parts, timed in the Trainer that training uses.

Ours and the opponent take turns in one process, so that other work of the machine slows both down
equally. The matrix library is held to one thread only during our steps.
"""

import contextlib
import itertools
from dataclasses import replace
from statistics import median

import numpy as np

from ..convolution import Chain
from ..data import batches
from ..data.augment.prepare import Preparation
from ..ranks.ranks import ALONE
from ..training.recipe import Recipe
from ..training.trainer import Trainer
from .stopwatch import Stopwatch, watching
from .timing import SECONDS, average, synchronizer

DATASET_SIZE = 50_000  # images, as CIFAR-10 has: batches are gathered from all over their memory
WORK = (
    *("train", "half_patches", "run", "run_augmented"),
    *("forward", "prepare", "prepare_augmented"),
)
STEPS = 20_000  # of a run that leaves out half of the patches in its first half
AUGMENTED = Preparation(policy="rand", erasing=0.25, mixup=0.8, cutmix=1.0)  # every augmentation


class Bench:
    """A Trainer on random images of a `Size`, and each kind of WORK as a method to be timed.

    workers: a `Workers` inside its `with`; dataset_size: how many images; fused, ranks: as in
    `Trainer`. Close it after use.
    """

    def __init__(self, size, workers, xp=np, dataset_size=DATASET_SIZE, fused=None, ranks=ALONE):
        self.size, self.workers, self.wait = size, workers, synchronizer(xp)
        c, batch, rng = size.config, size.batch, np.random.default_rng(0)
        shape = (max(dataset_size, batch), *c.image_shape)
        images = rng.integers(0, 256, shape, np.uint8)
        labels = rng.integers(0, c.classes, len(images))
        recipe = Recipe(batch_size=batch, optimizer="adamw", warmup=0.0, early_drop=0.5)
        mean, std = [0.5] * c.channels, [0.25] * c.channels
        self.trainer = Trainer(c, recipe, STEPS, mean, std, workers, xp, fused=fused, ranks=ranks)
        self.trainer.step = STEPS // 2
        indices = np.arange(len(images) // batch * batch)  # no smaller batch at the end

        def endless(prepare):
            for epoch in itertools.count(1):
                prepared = batches.epoch(
                    images,
                    labels,
                    indices,
                    number=epoch,
                    batch_size=batch,
                    seed=recipe.seed,
                    prepare=prepare,
                )
                yield from batches.on_device(prepared, xp)

        plain, augmented = recipe.preparation(c.classes), replace(AUGMENTED, classes=c.classes)
        self.batches, self.augmented_batches = endless(plain), endless(augmented)
        self.prefetched = batches.prefetch(endless(plain))
        self.augmented_prefetched = batches.prefetch(endless(augmented))
        self.images, self.labels = next(self.batches)

    def close(self):
        """Stop the threads that prepare batches."""
        self.prefetched.close()
        self.augmented_prefetched.close()

    def train(self):
        """A training step, always on the same batch: normalise, forward, backward, clip, update."""
        self.trainer.train_step(self.images, self.labels)

    def half_patches(self):
        """The same on half of the patches, as in a run's first steps (`Recipe.early_drop`)."""
        now, self.trainer.step = self.trainer.step, 0
        self.train()
        self.trainer.step = now

    def run(self):
        """A step of a real run: a thread prepares its batch during the step before."""
        self.trainer.train_step(*next(self.prefetched))

    def forward(self):
        """Logits, loss and hits of the batch, without caches."""
        self.trainer.evaluate(self.images, self.labels, self.size.batch)

    def prepare(self):
        """Gather, crop and mirror a batch, with no step at the same time."""
        next(self.batches)

    def run_augmented(self):
        """A step of a run with every augmentation, its batch prepared during the step before."""
        self.trainer.train_step(*next(self.augmented_prefetched))

    def prepare_augmented(self):
        """Prepare a batch with every augmentation, with no step at the same time."""
        next(self.augmented_batches)

    def optimizer_share(self, steps=3):
        """The share of a step that clipping, optimizer and gradient sums take, over `steps`."""
        watch, trainer = Stopwatch(self.wait), self.trainer
        with (
            watching(trainer.update, "step", lambda *_: "update", watch),
            watching(type(trainer.gradient_sums), "keep", lambda *_: "add", watch),
            watching(type(trainer.gradient_sums), "add", lambda *_: "add", watch),
            watching(trainer, "train_step", lambda *_: "step", watch),
        ):
            for _ in range(steps):
                trainer.train_step(self.images, self.labels)
        seconds = {label: total.inclusive for label, total in watch.totals.items()}
        # the watch sees all threads, but of several processes only this one
        adding = seconds.get("add", 0.0) / (1 if self.workers.processes else self.workers.count)
        return (seconds["update"] + adding) / seconds["step"]

    def stem_share(self, steps=3):
        """The share of a step that the stem's forward and backward take; None without a stem."""
        stems = [m.parts.get("stem") for m in (self.trainer.model, self.trainer.early_model)]
        if stems[0] is None:
            return None
        watch, trainer = Stopwatch(self.wait), self.trainer

        def label(layer, *_):
            return "stem" if any(layer is stem for stem in stems) else "inside"

        with (
            kernel_by_kernel(trainer),
            watching(Chain, "forward", label, watch),
            watching(Chain, "backward", label, watch),
            watching(trainer, "train_step", lambda *_: "step", watch),
        ):
            for _ in range(steps):
                trainer.train_step(self.images, self.labels)
        seconds = {label: total.inclusive for label, total in watch.totals.items()}
        threads = 1 if self.workers.processes else self.workers.count  # as in optimizer_share
        return seconds.get("stem", 0.0) / threads / seconds["step"]

    def turn(self, least=SECONDS):
        """Seconds of each kind of WORK, and shares of a step's time -> {name: value}."""
        values = {name: average(getattr(self, name), self.wait, least) for name in WORK}
        values["optimizer_share"] = self.optimizer_share()
        if (share := self.stem_share()) is not None:
            values["stem_share"] = share
        values["data_share"] = 1 - values["train"] / values["run"]
        values["augmented_data_share"] = 1 - values["train"] / values["run_augmented"]
        return values


@contextlib.contextmanager
def kernel_by_kernel(trainer):
    """Inside, nothing is repeated from a GPU's recording, in which no layer can be timed."""
    if not trainer.fused:
        yield
        return
    update, recorded = trainer.update, (trainer.run_micro_step, trainer.update.begin)
    trainer.run_micro_step, update.begin = trainer.micro_step, update.clip_and_direct
    try:
        yield
    finally:
        trainer.run_micro_step, update.begin = recorded


def micro_batch(size, workers, xp=np):
    """The images of `size` that one worker takes through the layers at once."""
    bench = Bench(size, workers, xp, dataset_size=size.batch)
    start, stop = bench.trainer.micro_batches(size.batch)[0]
    return stop - start


def compare(ours, opponent=None, runs=7, least=SECONDS, plain=None):
    """Let `ours` (a Bench) and `opponent` (or None) take turns -> {side: {name: median}}.

    runs: turns of each side; the side that is first in one run is last in the next; plain: ours
    with the plain layers, or None.
    """
    sides = {"ours": ours, "plain": plain, "torch": opponent}
    sides = {name: side for name, side in sides.items() if side}
    turns = {name: [] for name in sides}
    for run in range(runs):
        for name in sorted(sides, reverse=run % 2 == 1):
            turns[name].append(sides[name].turn(least))
    return {
        name: {key: median(turn[key] for turn in rows) for key in rows[0]}
        for name, rows in turns.items()
    }
