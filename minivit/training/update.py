"""Update: from the gradient to new weights, on all cores."""

from typing import NamedTuple

import numpy as np

from ..arrays import tree
from ..cuda.update import FusedUpdate
from ..optim import SGD, AdamW, Muon, average, clip_scale, sum_of_squares
from ..parallel.tree_sum import in_order
from ..ranks.ranks import ALONE
from ..ranks.regions import divide, region

SLICE_SIZE = 1 << 16  # numbers that a task updates at once: its arrays then stay in the cache

# name: (rule for the matrices of blocks and stem, rule for all other parameters)
OPTIMIZERS = {"adamw": (AdamW(), AdamW()), "sgd": (SGD(), SGD()), "muon": (Muon(), AdamW())}


class Task(NamedTuple):
    """One slice of the parameters that is updated by one rule.

    shape: that of a matrix, where the rule needs matrices, else -1; decayed: whether weight decay
    applies to it; rate: its share of the learning rate.
    """

    rule: object
    slice: slice
    shape: tuple | int
    decayed: bool
    rate: float


class Update:
    """The optimizer of all parameters: of `vector`, one flat array laid out as `places` says.

    gradients: a `GradientSums`. The optimizer's memory is `state`, arrays like `vector`. The
    workers share out the tasks: slices that fit the cache for the rules that treat each number
    separately, whole matrices for Muon. On a GPU a slice is as large as its rule allows.
    rates: {dotted name: the parameter's share of the learning rate}, 1 where it is not given.
    regions: the slice of the vector that each of the ranks updates. A rank's `tasks` are those of
    its region, and its `state` is right there only.
    """

    def __init__(self, recipe, places, vector, gradients, workers, xp=np, rates=None, ranks=ALONE):
        self.vector, self.gradients, self.workers, self.xp = vector, gradients, workers, xp
        self.ranks = ranks
        self.recipe, (self.matrix_rule, self.rule) = recipe, OPTIMIZERS[recipe.optimizer]
        self.state = self.rule.init(vector)
        if recipe.ema:
            self.state["ema"] = vector.copy()
        if xp is np:
            self.state = {name: self._shared(value) for name, value in self.state.items()}
        self.shares, self.rates = (self.squares_share, self.apply_share), rates or {}
        tasks = list(self._tasks(places, SLICE_SIZE if xp is np else len(vector)))
        divided = [tasks[first:stop] for first, stop in divide(tasks, ranks.size)]
        self.tasks, self.regions = divided[ranks.rank], [region(own) for own in divided]
        gradients.divide(self.regions)

    def _shared(self, value):
        """A copy of `value` in memory that all workers share."""
        shared = self.workers.shared_zeros(value.size, value.dtype)
        shared[...] = value
        return shared

    def _tasks(self, places, size):
        """The tasks, in the order of the vector; slices have at most `size` numbers."""
        whole = []  # tasks before they are cut into slices
        for name, (start, stop, shape) in sorted(places.items(), key=lambda place: place[1]):
            decayed = tree.is_decayed(name)
            rule = self.matrix_rule if tree.is_hidden_matrix(name) else self.rule
            last = whole[-1] if whole else None
            how = rule, decayed, self.rates.get(name, 1.0)
            if rule.whole_matrices:
                whole.append(Task(rule, slice(start, stop), shape, *how[1:]))
            elif last and (last.rule, last.decayed, last.rate) == how and last.shape == -1:
                whole[-1] = last._replace(slice=slice(last.slice.start, stop))
            else:
                whole.append(Task(rule, slice(start, stop), -1, *how[1:]))
        for task in whole:
            start, stop = task.slice.start, task.slice.stop
            step = stop - start if task.rule.whole_matrices else size
            for first in range(start, stop, step):
                yield task._replace(slice=slice(first, min(first + step, stop)))

    def step(self, number, lr, count, sums=()):
        """Clip the gradient and take step `number` (from 1) -> its norm before that, all sums.

        count: how many micro-batches the batch was cut into; sums: a list of what this rank's
        micro-batches came to, which is returned for those of all ranks.
        A gradient that is not finite leaves the weights as they were, except on a GPU, where
        asking would make every step wait.
        """
        self.gradients.meet(count)
        results = self.workers.run_tasks(len(self.tasks), self.squares_share, count)
        squares, all_sums = self.ranks.concatenate(in_order(results), sums)
        norm = self.xp.sqrt(sum(squares))
        if self.xp is np and not np.isfinite(norm):
            return norm, all_sums
        scale = clip_scale(norm, self.recipe.clip).astype(np.float32)
        self.workers.run_tasks(len(self.tasks), self.apply_share, number, lr, scale)
        self.ranks.spread(self.vector, self.regions)
        return norm, all_sums

    def squares_share(self, indices, count):
        """One worker's share of the norm -> [(index of the task, its sum of squares), ...].

        It adds up the gradient first, slice by slice.
        """
        add_up, tasks = self.gradients.add_up, self.tasks
        return [(i, sum_of_squares(add_up(tasks[i].slice, count))) for i in indices]

    def apply_share(self, indices, step, lr, scale):
        """One worker's share of the new weights."""
        for index in indices:
            rule, part, shape, decayed, rate = self.tasks[index]
            vector = self.vector[part].reshape(shape)
            gradient = self.gradients.vectors[0][part].reshape(shape)
            state = {name: value[part].reshape(shape) for name, value in self.state.items()}
            gradient *= scale
            decay = self.recipe.weight_decay if decayed else 0.0
            rule.update(vector, gradient, state, rate * lr, step, decay)
            if "ema" in state:
                average(state["ema"], vector, self.recipe.ema, step)


def update_for(recipe, places, vector, gradients, workers, xp, rates, fused, ranks=ALONE):
    """The `Update` of a run, or `FusedUpdate`, which has one learning rate for all."""
    if fused and set(rates.values()) <= {1.0}:
        return FusedUpdate(recipe, OPTIMIZERS[recipe.optimizer], places, vector, gradients)
    return Update(recipe, places, vector, gradients, workers, xp, rates, ranks)
