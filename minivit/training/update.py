"""Update: from a gradient to new weights, each part by its rule, on all cores."""

import numpy as np

from ..arrays import tree
from ..optim import SGD, AdamW, Muon, average, clip_scale, sum_of_squares
from ..parallel.ordered_sum import in_order

PIECE = 1 << 16  # numbers a task updates at once: few enough for its arrays to stay in the cache

# name: (rule for the blocks' matrices, rule for all else)
OPTIMIZERS = {"adamw": (AdamW(), AdamW()), "sgd": (SGD(), SGD()), "muon": (Muon(), AdamW())}


class Update:
    """The optimizer of all parameters: `vector`, one flat array laid out as `places` says.

    Its memory is `state`, arrays like `vector`. Elementwise rules work in pieces that fit the
    cache, Muon on one matrix at a time; the workers share the pieces out. On a GPU a piece is as
    large as its rule allows.
    """

    def __init__(self, recipe, places, vector, gradient, workers, xp=np):
        self.vector, self.gradient, self.workers, self.xp = vector, gradient, workers, xp
        self.recipe, (self.matrix_rule, self.rule) = recipe, OPTIMIZERS[recipe.optimizer]
        self.state = self.rule.init(vector)
        if recipe.ema:
            self.state["ema"] = vector.copy()
        if xp is np:
            self.state = {name: self._shared(value) for name, value in self.state.items()}
        self.shares = self.squares, self.apply
        self.tasks = self._tasks(places, PIECE if xp is np else len(vector))

    def _shared(self, value):
        """`value` where all workers see it."""
        shared = self.workers.shared_zeros(value.size, value.dtype)
        shared[...] = value
        return shared

    def _tasks(self, places, size):
        """(rule, slice of the vector, shape, is it decayed) for every piece, in order."""
        regions = []
        for name, (start, stop, shape) in sorted(places.items(), key=lambda place: place[1]):
            decayed = tree.is_decayed(name)
            matrix = decayed and name.startswith("block")
            rule = self.matrix_rule if matrix else self.rule
            if rule.whole_matrices:
                regions.append([rule, start, stop, shape, decayed])
            elif regions and regions[-1][0] is rule and regions[-1][-1] == decayed:
                regions[-1][2] = stop  # one region with the leaf before
            else:
                regions.append([rule, start, stop, -1, decayed])
        tasks = []
        for rule, start, stop, shape, decayed in regions:
            step = stop - start if rule.whole_matrices else size
            for a in range(start, stop, step):
                tasks.append((rule, slice(a, min(a + step, stop)), shape, decayed))
        return tasks

    def step(self, number, lr):
        """Clip the gradient and take step `number` (from 1) -> the gradient's norm before.

        A gradient that is not finite leaves the weights as they were, except on a GPU, where
        asking would make every step wait.
        """
        found = self.workers.run_tasks(len(self.tasks), self.squares)
        norm = self.xp.sqrt(sum(in_order(found)))
        if self.xp is np and not np.isfinite(norm):
            return norm
        scale = clip_scale(norm, self.recipe.clip).astype(np.float32)
        self.workers.run_tasks(len(self.tasks), self.apply, number, lr, scale)
        return norm

    def squares(self, numbers):
        """A worker's share of the norm -> [(number of the piece, its sum of squares), ...]."""
        return [(n, sum_of_squares(self.gradient[self.tasks[n][1]])) for n in numbers]

    def apply(self, numbers, step, lr, scale):
        """A worker's share of the update."""
        for number in numbers:
            rule, piece, shape, decayed = self.tasks[number]
            vector, gradient = (x[piece].reshape(shape) for x in (self.vector, self.gradient))
            state = {name: value[piece].reshape(shape) for name, value in self.state.items()}
            gradient *= scale
            decay = self.recipe.weight_decay if decayed else 0.0
            rule.update(vector, gradient, state, lr, step, decay)
            if "ema" in state:
                average(state["ema"], vector, self.recipe.ema, step)
