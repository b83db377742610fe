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
from ..objective import targets_for
from ..parallel.tree_sum import in_order
from ..parallel.workers import Workers
from ..ranks.ranks import ALONE, Ranks
from ..vit import ViT

EVALUATED = 500  # images at once


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A model with its parameters, and the objective that judges it.

    mean, std: (C,) by which images are normalised; workers: a `Workers` inside its `with`; cuts: a
    function, number of images -> micro-batches [(start, stop), ...]; see: called with what the
    model returned for every micro-batch (of this rank), in their order, by the caller; ranks: who
    else judges the same images, each rank a share of every batch.
    """

    model: ViT
    params: dict
    mean: np.ndarray
    std: np.ndarray
    objective: object
    workers: Workers
    cuts: Callable
    see: Callable | None = None
    ranks: Ranks = ALONE

    def evaluate(self, images, targets, batch_size=EVALUATED):
        """The objective's metrics on images uint8 and targets (B, ...) -> {name: value}.

        Raises ConfigError for images of another size or type, and without a target for each.
        """
        check_batch(self.model.config, images, targets)
        totals, own = dict.fromkeys(self.objective.sums, 0), []
        for start in range(0, len(images), batch_size):
            count = min(batch_size, len(images) - start)
            cuts = self.cuts(count)
            (first, stop), mine = self.ranks.own(cuts)
            if first < stop:
                mine = slice(start + mine.start, start + mine.stop)
                args = first, count, images[mine], targets[mine]
                results = self.workers.run_tasks(stop - first, self.share, *args)
                for index, (sums, output) in enumerate(in_order(results), first):
                    own.append((start, index, sums))
                    if self.see:
                        self.see(output)
        (every,) = self.ranks.concatenate(own)
        for _, _, sums in sorted(every, key=lambda part: part[:2]):
            for name, kind in self.objective.sums.items():
                totals[name] += kind(sums[name])
        return self.objective.values(totals, len(images))

    def share(self, indices, first, count, images, targets):
        """One worker's share of a batch -> [(index of the micro-batch, (its sums, outputs))].

        indices: from 0, of the micro-batches of this rank, of which the batch's number `first` is
        the first one; count: the number of images of the batch; images, targets: those of this
        rank. Outputs are None where nobody sees them.
        """
        cuts, results = self.cuts(count)[first:], []
        for index in indices:
            start, stop = cuts[index]
            here = slice(start - cuts[0][0], stop - cuts[0][0])
            x = normalise(images[here], self.mean, self.std)
            output = self.model.predict(self.params, x)
            own = targets_for(self.objective, images[here], targets[here])
            sums = self.objective.evaluate(output, own)
            results.append((first + index, (sums, output if self.see else None)))
        return results


def check_batch(config, images, targets):
    """Raise ConfigError unless these are images of the model's size as bytes, a target for each."""
    size = config.image_shape
    if not is_array(images) or images.dtype != np.uint8 or images.shape[1:] != size:
        raise ConfigError(
            f"images must be uint8 (B, {', '.join(map(str, size))}); got {described(images)}"
        )
    if not len(images) or not is_array(targets) or targets.shape[:1] != images.shape[:1]:
        raise ConfigError(
            "there must be at least one image, and an array with a target for each; got "
            f"{len(images)} images and {described(targets)}"
        )
