"""A run: epochs of steps, measured on validation images, saved, and resumed bit for bit."""

import math
import time
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays.backend import to_device
from ..data import batches
from ..data.dataset import Dataset
from ..data.normalise import channel_statistics
from ..errors import ConfigError
from ..objective import deciding_metric
from ..parallel.workers import Workers
from ..ranks.ranks import ALONE, Ranks
from ..start.whitening import whiten
from . import curves
from .description import describe
from .early_steps import share_of_work
from .endings import diverged, endings, finite_result, leave
from .fitting import objective_for
from .plan import Plan
from .progress import Progress, epoch_line
from .record import Record
from .trainer import Trainer


class Run:
    """One training run: what `plan` says, on `dataset`.

    workers: a `Workers` inside its `with`; objective: by default the classification of the model's
    classes, or what the recipe says of the data's targets; ranks: who trains it together, each with
    its own Run. A plan that goes on with a saved run starts where that was saved; this raises
    CheckpointError if the data set or the objective is not that run's.
    """

    def __init__(self, plan: Plan, dataset: Dataset, workers: Workers, objective=None,
                 ranks: Ranks = ALONE):  # fmt: skip
        self.plan, self.dataset, self.directory = plan, dataset, plan.directory
        self.workers, self.ranks = workers, ranks
        config, recipe, xp = plan.config, plan.recipe, plan.xp
        self.training, self.validation = batches.split(
            len(dataset.train_images), recipe.val_fraction, recipe.seed, recipe.train_fraction
        )
        if not len(self.training):
            raise ConfigError(
                f"val_fraction {recipe.val_fraction} leaves none of the "
                f"{len(dataset.train_images)} training images to train on"
            )
        self.objective = objective or objective_for(plan, dataset, self.training)
        self.steps_per_epoch = math.ceil(len(self.training) / recipe.batch_size)
        if recipe.patience and not len(self.validation):
            raise ConfigError(
                f"val_fraction {recipe.val_fraction} leaves no image for validation, and patience "
                "decides by these"
            )
        statistics = channel_statistics(dataset.train_images[self.training])
        own = [[round(float(value), 6) for value in values] for values in statistics]
        self.mean, self.std = plan.normalisation or own
        fitted = replace(recipe, batch_size=min(recipe.batch_size, len(self.training)))
        self.trainer = Trainer(
            config, fitted, self.steps_per_epoch * recipe.epochs, self.mean, self.std, workers, xp,
            self.objective, start=plan.start and plan.start.params, ranks=ranks,
        )  # fmt: skip
        if recipe.whiten:
            trees = self.trainer.params, self.trainer.evaluated
            shown = dataset.train_images, self.training, self.mean, self.std
            whiten(self.trainer.model, trees, *shown)
        self.log_every = 10 if xp is np else 50
        self.record = Record(self.directory, self.trainer, describe(self))
        if plan.saved:
            self.resume(plan.saved.path)

    def resume(self, path) -> None:
        """Go on from the checkpoint `path`. Raises CheckpointError if it is not of this run."""
        self.record.resume(path)

    def train(self) -> dict[str, float]:
        """Train to the end, test once -> the test's metrics, {name: value}.

        Raises DivergedError when a loss is no longer finite, Interrupted after Ctrl-C. Any other
        error has a note that says how to go on.
        """
        self.record.begin()
        with endings(self.directory, self.workers) as stop:
            self.ranks.signal(stop)
            self.epochs(stop)
            return self.finish()

    def epochs(self, stop):
        """All epochs that are left. Raises Interrupted once `stop.number` is set."""
        trainer, began = self.trainer, time.monotonic() - self.record.elapsed
        work = partial(share_of_work, trainer)
        progress = Progress(work, trainer.step, trainer.steps, self.objective)
        try:
            while not self.record.over:
                self.epoch(progress, stop, began)
                if self.ranks.signal(stop):
                    leave(stop, trainer, self.directory)
        finally:
            progress.close()

    def epoch(self, progress, stop, began):
        """The steps of one epoch, or what is left of it; then validation, metrics, checkpoint."""
        trainer, recipe, record = self.trainer, self.plan.recipe, self.record
        number = record.epochs_done + 1
        started, count_before = time.monotonic(), trainer.sums.count
        with closing(batches.prefetch(self.batches(number))) as ready:
            for images, targets in ready:
                trainer.train_step(images, targets)
                if self.ranks.signal(stop):
                    self.metrics_so_far()  # what has diverged is not saved
                    record.elapsed = time.monotonic() - began
                    record.save()
                    leave(stop, trainer, self.directory)
                if trainer.step % self.log_every == 0 or trainer.bad:
                    values = self.metrics_so_far()
                    seconds = max(time.monotonic() - started, 1e-9)
                    speed = (trainer.sums.count - count_before) / seconds
                    progress.update(f"{number}/{recipe.epochs}", trainer.step, values, speed)
        training, seconds = self.metrics_so_far(), time.monotonic() - started
        count = trainer.sums.count - count_before
        validation = self.validate()
        if not all(math.isfinite(value or 0) for value in validation.values()):
            raise diverged(trainer, self.directory, number, trainer.step)
        record.elapsed = time.monotonic() - began
        row = {
            "epoch": number,
            "step": trainer.step,
            **{f"train_{name}": value for name, value in training.items()},
            **{f"val_{name}": value for name, value in validation.items()},
            "lr": trainer.lr(),
            "images_per_second": count / max(seconds, 1e-9),
            "elapsed_s": record.elapsed,
        }
        record.close_epoch(row)
        progress.line(epoch_line(row, recipe.epochs, self.objective))

    def batches(self, number):
        """What is left of epoch `number`: batches of prepared images and targets, on the device."""
        trainer, recipe = self.trainer, self.plan.recipe
        before = self.record.epochs_done * self.steps_per_epoch

        def own(step, count):  # whatever other ranks learn from is not prepared here
            return trainer.own_images(count, before + step + 1)

        prepared = batches.epoch(
            self.dataset.train_images,
            self.dataset.train_labels,
            self.training,
            number=number,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            first_step=trainer.step - before,
            prepare=recipe.preparation(self.plan.config.classes),
            own=own if self.ranks.size > 1 else None,
        )
        return batches.on_device(prepared, trainer.xp)

    def validate(self):
        """The metrics on the validation images; each None if there are none."""
        if not len(self.validation):
            return {metric.name: None for metric in self.objective.metrics}
        images, targets = self.dataset.train_images, self.dataset.train_labels
        return self.judge(images[self.validation], targets[self.validation])

    def judge(self, images, targets):
        """The metrics on some images."""
        xp = self.trainer.xp
        return self.trainer.evaluate(to_device(images, xp), to_device(targets, xp))

    def metrics_so_far(self):
        """Those of this epoch's training. Raises DivergedError if a step was not finite."""
        sums = self.trainer.read_sums()
        if sums["bad_step"] is not None:
            epoch = self.record.epochs_done + 1
            raise diverged(self.trainer, self.directory, epoch, sums["bad_step"])
        return self.objective.values(sums, sums["count"])

    def finish(self):
        """Look at the test set, once, with the final weights; draw the curves -> its metrics."""
        if self.plan.recipe.patience:
            self.record.take_best()
        rows = self.directory.rows()
        measured = self.judge(self.dataset.test_images, self.dataset.test_labels)
        result = finite_result(measured, self.directory)
        of = {"weights": "running mean of the weights"} if self.plan.recipe.ema else {}
        of |= {"of_epoch": self.record.taken} if self.record.taken else {}
        self.directory.append({**{f"test_{name}": v for name, v in result.items()}, **of})
        if not self.directory.ours:
            return result
        metric = deciding_metric(self.objective)
        title = f"{self.dataset.name}: test {metric.name} {metric.number(result[metric.name])}"
        with self.directory.writing():
            if problem := curves.draw(rows, self.directory.curves, title, self.objective):
                print(problem)
        return result
