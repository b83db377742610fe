"""Evaluator: judges a model by an objective, the images shared among workers.

The trainer judges the model that it trains with it, and `evaluation/` one that was loaded. So both
cut the images alike and add in the same order, and find the same numbers, to the last bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.normalise import normalise
from ..parallel.ordered_sum import in_order
from ..parallel.workers import Workers
from ..vit import ViT


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A model with its parameters, and the objective that judges it.

    mean, std: (C,) by which images are normalised; workers: a `Workers` inside its `with`; cuts: a
    function, number of images -> micro-batches [(start, stop), ...].
    """

    model: ViT
    params: dict
    mean: np.ndarray
    std: np.ndarray
    objective: object
    workers: Workers
    cuts: Callable

    def evaluate(self, images, targets, batch_size=500, see=None):
        """The objective's metrics on images uint8 and targets (B, ...) -> {name: value}.

        see: called after each batch with what the model returned for it, a list of arrays
        (b, outputs), one a micro-batch.
        """
        totals = dict.fromkeys(self.objective.sums, 0)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size], targets[start : start + batch_size]
            tasks = len(self.cuts(len(batch[0])))
            results = in_order(self.workers.run_tasks(tasks, self.share, *batch, see is not None))
            for sums, _ in results:
                for name, kind in self.objective.sums.items():
                    totals[name] += kind(sums[name])
            if see:
                see([output for _, output in results])
        return self.objective.values(totals, len(images))

    def share(self, indices, images, targets, keep):
        """One worker's share -> [(index of the micro-batch, (its sums, its output)), ...].

        The output is None unless `keep` says otherwise.
        """
        cuts, results = self.cuts(len(images)), []
        for index in indices:
            start, stop = cuts[index]
            output = self.model.predict(
                self.params, normalise(images[start:stop], self.mean, self.std)
            )
            sums = self.objective.evaluate(output, targets[start:stop])
            results.append((index, (sums, output if keep else None)))
        return results
