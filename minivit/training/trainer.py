"""Trainer: one model learning, a step at a time. It knows nothing of epochs, files or printing.

`plain.py` is the same step without workers and micro-batches, on one page: read that first.
"""

import math
from functools import partial

import numpy as np

from .. import cuda
from ..arrays.keys import Key, generator
from ..cuda.recorded import RecordedSteps
from ..data.normalise import normalise, per_channel
from ..errors import ConfigError
from ..models import model_of, objective_of
from ..objective import targets_for
from ..optim import warmup_cosine
from ..parallel.cuts import cut_into
from ..parallel.tree_sum import in_order
from ..ranks.ranks import ALONE
from . import saved_arrays
from .early_steps import early_model
from .evaluator import Evaluator, check_batch
from .frozen import learner, rate_share
from .micro_batches import micro_batches
from .ranked_sums import sums_for
from .running_sums import RunningSums
from .update import update_for
from .weights import Weights


class Trainer:
    """Weights, optimizer state and the step count of a run of `steps` steps.

    mean, std: (C,) of the training images scaled to 0..1; workers: a `Workers` inside its `with`;
    xp: numpy or cupy; objective: by default the classification that config and recipe describe;
    model: by default that of config, partly frozen if the recipe says so; fused: whether layers,
    optimizers and sums are those of `minivit.cuda`, by default on a GPU; start: the parameters it
    begins with, by default those of `model.init`; ranks: who trains it together, each rank with its
    own Trainer. On a GPU a batch, or a rank's part, is one micro-batch, and no step waits for it.
    """

    def __init__(self, config, recipe, steps, mean, std, workers, xp=np, objective=None,
                 model=None, fused=None, start=None, ranks=ALONE):  # fmt: skip
        if type(steps) is not int or steps < 1:
            raise ConfigError(f"steps must be a whole number of at least 1; got {steps!r}")
        self.config, self.recipe, self.steps = config, recipe, steps
        self.workers, self.xp, self.ranks = workers, xp, ranks
        self.objective = objective or objective_of(config, recipe)
        self.fused = cuda.wanted(xp, config) if fused is None else fused
        build = partial(learner, recipe=recipe, build=cuda.fast_vit if self.fused else model_of)
        self.model = model or build(config)
        self.early_model = early_model(self.model, recipe.early_drop, recipe.early_size, build)
        self.mean, self.std = per_channel(mean, std, config.channels, xp)
        start = start or self.model.init(generator(recipe.seed, "init"))
        self.weights = Weights(start, getattr(self.model, "frozen", ()), workers, xp)
        self.places, self.vector = self.weights.places, self.weights.vector
        self.params = self.weights.tree_of(self.vector)
        self.gradient_sums = sums_for(self.places, len(self.vector), workers, xp, self.fused, ranks)
        divided = ranks.size > 1 and xp is np and not self.fused  # on GPUs each rank updates all
        rates = {n: rate_share(n, config.depth, recipe.layer_decay) for n in self.places}
        self.update = update_for(recipe, self.places, self.vector, self.gradient_sums, workers, xp,
                                 rates, self.fused, ranks if divided else ALONE)  # fmt: skip
        self.regions = self.update.regions if divided else None
        # what is evaluated: the running mean of the parameters where there is one
        self.evaluated = self.weights.tree_of(self.update.state.get("ema", self.vector))
        self.evaluator = Evaluator(self.model, self.evaluated, self.mean, self.std, self.objective,
                                   workers, self.micro_batches, ranks=ranks)  # fmt: skip
        self.run_micro_step = self.micro_step
        if self.fused:
            models = self.early_model, self.model
            self.run_micro_step = RecordedSteps(self.micro_step, models, self.objective)
        self.step = 0
        self.sums = RunningSums(self.objective, xp, ALONE if divided else ranks)
        self._prepare()
        self._register()

    def _prepare(self):
        """Make room for the gradients of a batch; with ranks also of a shorter one, the last."""
        whole = self.recipe.batch_size
        sizes = range(1, whole + 1) if self.ranks.size > 1 else (whole,)
        models = self.early_model, self.model
        for count in {len(self.micro_batches(size, m.config)) for size in sizes for m in models}:
            self.gradient_sums.prepare(count)

    def _register(self):
        """Tell the workers what they will do: processes have all arrays that were made so far."""
        own = self.train_share, self.evaluator.share
        self.workers.register(*own, *self.gradient_sums.shares, *self.update.shares)

    @property
    def gradients(self):
        """The gradient of the last step's batch, clipped, as a tree like `params`.

        Among several ranks it is right in the part only that this rank updates.
        """
        return self.gradient_sums.views[0]

    def model_at(self, step):
        """The model that learns in a step: the early one, with fewer tokens, then the whole one."""
        early = step <= self.recipe.early_share * self.steps
        return self.early_model if early else self.model

    def micro_batches(self, batch, config=None):
        """Where to cut `batch` images -> [(start, stop), ...]; always alike for a batch size.

        config: of the model that sees them, by default the whole one.
        """
        if self.xp is np or self.recipe.micro_batch:
            return micro_batches(config or self.config, batch, self.recipe.micro_batch)
        return cut_into(batch, min(batch, self.ranks.size))

    def own_images(self, count, step):
        """From which of a batch's `count` images this rank learns in a step -> a slice."""
        return self.ranks.own(self.micro_batches(count, self.model_at(step).config))[1]

    def lr(self):
        """The learning rate of the current step."""
        warmup = math.ceil(self.recipe.warmup * self.steps)
        return warmup_cosine(self.step, self.steps, warmup, self.recipe.lr)

    @property
    def bad(self):
        """Whether a step was not finite. On a GPU always False: only `read_sums` waits for it."""
        return self.xp is np and self.sums.first_bad <= self.step

    def train_step(self, images, targets):
        """One step on images (B, H, W, C) uint8 and the objective's targets (B, ...).

        Adds to the running sums, and reads nothing back from a GPU. Raises ConfigError for images
        of another size or type, and unless there is a target for each.
        """
        check_batch(self.config, images, targets)
        self.step += 1
        cuts = self.micro_batches(len(images), self.model_at(self.step).config)
        if self.gradient_sums.prepare(len(cuts)):  # a larger batch than before
            self._register()
        own = self.own_images(len(images), self.step)
        args = self.step, len(images), images[own], targets[own]
        tasks = len(self.gradient_sums.tasks(len(cuts)))
        results = self.workers.run_tasks(tasks, self.train_share, *args)
        norm, sums = self.update.step(self.step, self.lr(), len(cuts), in_order(results))
        self.sums.add(sums, len(images), self.step, norm)

    def train_share(self, tasks, step, count, images, targets):
        """One worker's share of a step: micro-batches through the model and back.

        count: the number of images of the batch; images, targets: those of this rank.
        Adds their gradients up -> [(index of the micro-batch, its sums), ...].
        """
        model, results = self.model_at(step), []
        cuts = self.micro_batches(count, model.config)
        begin = self.own_images(count, step).start

        def gradients(index):
            """Of one micro-batch."""
            start, stop = cuts[index]
            here = slice(start - begin, stop - begin)
            # the micro-batch's share of the mean loss: the gradients add up to the batch's own
            key, share = Key(self.recipe.seed, step, start), (stop - start) / count
            grads, sums = self.run_micro_step(model, images[here], targets[here], key, share)
            results.append((index, sums))
            return grads

        for task in tasks:
            self.gradient_sums.compute(task, len(cuts), gradients)
        return results

    def micro_step(self, model, images, targets, key, share):
        """A micro-batch through the model and back -> gradients of `share` of its loss, sums."""
        output, cache = model.forward(self.params, normalise(images, self.mean, self.std), key)
        targets = targets_for(self.objective, images, targets)
        doutput, sums = self.objective.train(output, targets, share)
        return model.backward(doutput, cache)[1], sums

    def evaluate(self, images, targets, batch_size=500):
        """The objective's metrics on images uint8 and targets -> {name: value}.

        Of the weights' running mean, where the recipe has one.
        """
        if self.regions and "ema" in self.update.state:
            self.ranks.spread(self.update.state["ema"], self.regions)
        return self.evaluator.evaluate(images, targets, batch_size)

    def read_sums(self):
        """Wait for the device -> the sums, "count" of images, "bad_step"; see `RunningSums`."""
        return self.sums.read(self.vector, self.step)

    def arrays(self):
        """Weights and optimizer state, on the host: {"model/patch.w", "optimizer/m/...": ...}.

        Among several ranks they are whole on rank 0.
        """
        return saved_arrays.gather(self)

    def restore(self, arrays, step):
        """Take up weights and optimizer state that `arrays` gave, after `step` steps."""
        saved_arrays.restore(self, arrays)
        self.step = step
