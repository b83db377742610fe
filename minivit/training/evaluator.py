"""Evaluator: judges a model by an objective, the images shared among workers.

The trainer judges the model that it trains with it, and `evaluation/` one that was loaded. So both
cut the images alike and add in the same order, and find the same numbers, to the last bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays.doors import described, is_array
from ..data.normalise import normalise
from ..errors import ConfigError
from ..objective import targets_of
from ..parallel.tree_sum import in_order
from ..parallel.workers import Workers
from ..vit import ViT


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A model with its parameters, and the objective that judges it.

    mean, std: (C,) by which images are normalised; workers: a `Workers` inside its `with`; cuts: a
    function, number of images -> micro-batches [(start, stop), ...]; see: called with (index of
    the first image, what the model returned) for every micro-batch, by the worker that has it:
    where workers are processes, the caller sees nothing of that.
    """

    model: ViT
    params: dict
    mean: np.ndarray
    std: np.ndarray
    objective: object
    workers: Workers
    cuts: Callable
    see: Callable | None = None

    def evaluate(self, images, targets, batch_size=500):
        """The objective's metrics on images uint8 and targets (B, ...) -> {name: value}.

        Raises ConfigError for images of another size or type, and without a target for each.
        """
        check_batch(self.model.config, images, targets)
        totals = dict.fromkeys(self.objective.sums, 0)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size], targets[start : start + batch_size]
            tasks = len(self.cuts(len(batch[0])))
            results = self.workers.run_tasks(tasks, self.share, start, *batch)
            for sums in in_order(results):
                for name, kind in self.objective.sums.items():
                    totals[name] += kind(sums[name])
        return self.objective.values(totals, len(images))

    def share(self, indices, first, images, targets):
        """One worker's share of a batch -> [(index of the micro-batch, its sums), ...].

        first: the index of the batch's first image.
        """
        cuts, results = self.cuts(len(images)), []
        for index in indices:
            start, stop = cuts[index]
            x = normalise(images[start:stop], self.mean, self.std)
            output = self.model.predict(self.params, x)
            own = targets_of(self.objective, images[start:stop], targets[start:stop])
            results.append((index, self.objective.evaluate(output, own)))
            if self.see:
                self.see(first + start, output)
        return results


def check_batch(config, images, targets):
    """Raise ConfigError unless these are images of the model's size as bytes, a target for each."""
    size = config.image_size, config.image_size, config.channels
    if not is_array(images) or images.dtype != np.uint8 or images.shape[1:] != size:
        raise ConfigError(
            f"images must be uint8 (B, {', '.join(map(str, size))}); got {described(images)}"
        )
    if not len(images) or not is_array(targets) or targets.shape[:1] != images.shape[:1]:
        raise ConfigError(
            "there must be at least one image, and an array with a target for each; got "
            f"{len(images)} images and {described(targets)}"
        )
