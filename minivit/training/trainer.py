"""Trainer: one model learning, a step at a time. It knows nothing of epochs, files or printing."""

import math

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device, to_host
from ..arrays.keys import Key, generator
from ..data.normalise import normalise
from ..layers import CrossEntropy, PatchDropout
from ..optim.schedule import warmup_cosine
from ..parallel.ordered_sum import OrderedSum, in_order
from ..parallel.workers import cut
from ..vit import ViT
from .early_steps import first_model
from .update import Update

NEVER = 2**62  # a step that no run reaches
# Bytes of the widest activation of a micro-batch: what one layer writes is still in the cache when
# the next one reads it.
CACHE = 1 << 21
# Tokens it has at least: adding its gradients costs as much for few tokens as for many.
TOKENS = 512


class Trainer:
    """Weights, optimizer state and the step count of a run of `steps` steps.

    mean, std: (C,) of the training images scaled to 0..1; workers: a `Workers` inside its `with`;
    xp: numpy or cupy. On a GPU the whole batch is one micro-batch, and no step waits for the
    device.
    """

    def __init__(self, config, recipe, steps, mean, std, workers, xp=np):
        self.config, self.recipe, self.steps = config, recipe, steps
        self.workers, self.xp = workers, xp
        self.model, self.loss = ViT(config), CrossEntropy(recipe.smoothing)
        self.first = first_model(self.model, recipe.first_drop, recipe.first_size)
        self.mean = to_device(np.asarray(mean, np.float32), xp)
        self.std = to_device(np.asarray(std, np.float32), xp)
        start = self.model.init(generator(recipe.seed, "init"))
        self.places = tree.layout(start)
        vector, gradient = (workers.shared_zeros(tree.count(start), np.float32) for _ in range(2))
        tree.map(np.copyto, tree.views(vector, self.places), start)
        self.vector, self.gradient = to_device(vector, xp), to_device(gradient, xp)
        self.params = tree.views(self.vector, self.places)
        self.gradients = tree.views(self.gradient, self.places)
        self.update = Update(recipe, self.places, self.vector, self.gradient, workers, xp)
        self.measured = tree.views(self.update.state.get("ema", self.vector), self.places)
        self.step = 0
        self.reset_sums()
        workers.register(self.gradients_of, self.measure, *self.update.shares)

    def model_at(self, step):
        """The model that learns in a step: at first the one on fewer tokens, then the whole one."""
        return self.first if step <= self.recipe.first_share * self.steps else self.model

    def micro_batches(self, batch, config=None):
        """Where to cut `batch` images -> [(start, stop), ...]; always the same for a batch size.

        config: of the model that they go through, where it is not the whole one.
        """
        if self.recipe.micro_batch:
            return cut(batch, self.recipe.micro_batch)
        if self.xp is not np:
            return [(0, batch)]
        c = config or self.config
        tokens = PatchDropout(c.patch_dropout, c.tokens - c.patches).count(c.tokens)
        widest = max(c.mlp_dim, 3 * c.dim, c.heads * tokens)
        images = max(CACHE / (4 * tokens * widest), TOKENS / tokens)
        return cut(batch, max(1, round(images)))

    def lr(self):
        """The learning rate of the current step."""
        warmup = math.ceil(self.recipe.warmup * self.steps)
        return warmup_cosine(self.step, self.steps, warmup, self.recipe.lr)

    def train_step(self, images, labels):
        """One step on images (B, H, W, C) uint8 and labels (B,), or targets (B, classes).

        Adds loss and hits to the running sums, and reads nothing back from a GPU.
        """
        self.step += 1
        pieces = len(self.micro_batches(len(images), self.model_at(self.step).config))
        results = self.workers.run_tasks(pieces, self.gradients_of, self.step, images, labels)
        norm = self.update.step(self.step, self.lr())
        self._count(len(images), in_order(results), norm)

    def gradients_of(self, numbers, step, images, labels):
        """A worker's share of a step -> [(number of the micro-batch, (loss sum, hits)), ...]."""
        total, found = OrderedSum(self.gradients, self.workers.next_to_add), []
        model = self.model_at(step)
        pieces = self.micro_batches(len(images), model.config)
        for number in numbers:
            start, stop = pieces[number]
            x = normalise(images[start:stop], self.mean, self.std)
            logits, cache = model.forward(self.params, x, Key(self.recipe.seed, step, start))
            loss, loss_cache = self.loss.forward(logits, labels[start:stop])
            # this piece's share of the batch's mean loss: the pieces add up to its gradient
            dlogits = self.loss.backward((stop - start) / len(images), loss_cache)
            total.add(number, model.backward(dlogits, cache)[1])
            found.append((number, (loss * (stop - start), hits(logits, labels[start:stop]))))
        total.finish()
        return found

    def reset_sums(self, loss=0.0, correct=0, count=0):
        """Start the running sums of an epoch, or take them up where a checkpoint left them."""
        self.loss_sum = self.xp.asarray(loss, dtype=np.float64)
        self.correct_sum = self.xp.asarray(correct, dtype=np.int64)
        self.count = count
        self.first_bad = self.xp.asarray(NEVER)

    def _count(self, batch, results, norm):
        """Add a step's losses and hits, and note the first step that is not finite."""
        xp = self.xp
        for loss, correct in results:
            self.loss_sum = self.loss_sum + loss
            self.correct_sum = self.correct_sum + correct
        self.count += batch
        finite = xp.isfinite(self.loss_sum) & xp.isfinite(norm)
        self.first_bad = xp.minimum(self.first_bad, xp.where(finite, NEVER, self.step))

    def read_sums(self):
        """Wait for the device -> loss sum, hits and images so far, first bad step or None.

        A step is bad if its loss or gradient was not finite, or if it left such weights.
        """
        finite = self.xp.isfinite(self.vector).all()
        bad = int(self.xp.minimum(self.first_bad, self.xp.where(finite, NEVER, self.step)))
        return {
            "loss": float(self.loss_sum),
            "correct": int(self.correct_sum),
            "count": self.count,
            "bad_step": None if bad == NEVER else bad,
        }

    def evaluate(self, images, labels, batch_size=500):
        """Mean loss (nats, no smoothing) and accuracy (a fraction) on images uint8, labels.

        Of the weights' running mean, where the recipe has one.
        """
        results = []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size], labels[start : start + batch_size]
            pieces = len(self.micro_batches(len(batch[0])))
            results += in_order(self.workers.run_tasks(pieces, self.measure, *batch))
        loss = sum(float(loss) for loss, _ in results)
        correct = sum(int(correct) for _, correct in results)
        return loss / len(images), correct / len(images)

    def measure(self, numbers, images, labels):
        """A worker's share of an evaluation -> [(number of the piece, (loss sum, hits)), ...]."""
        pieces, criterion, found = self.micro_batches(len(images)), CrossEntropy(), []
        for number in numbers:
            start, stop = pieces[number]
            x = normalise(images[start:stop], self.mean, self.std)
            logits = self.model.predict(self.measured, x)
            loss, _ = criterion.forward(logits, labels[start:stop])
            found.append((number, (loss * (stop - start), hits(logits, labels[start:stop]))))
        return found

    def _vectors(self):
        """The flat vectors that a checkpoint holds: {"model", "optimizer/m", ...}."""
        return {"model": self.vector, **{f"optimizer/{n}": v for n, v in self.update.state.items()}}

    def arrays(self):
        """Weights and optimizer state, on the host: {"model/patch.w", "optimizer/m/...": ...}."""
        return {
            f"{group}/{name}": leaf
            for group, vector in self._vectors().items()
            for name, leaf in tree.walk(tree.views(to_host(vector), self.places))
        }

    def restore(self, arrays, step):
        """Take up weights and optimizer state that `arrays` gave, after `step` steps."""
        for group, vector in self._vectors().items():
            host = np.empty(vector.shape, np.float32)
            for name, leaf in tree.walk(tree.views(host, self.places)):
                leaf[...] = arrays[f"{group}/{name}"]
            vector[...] = to_device(host, self.xp)
        self.step = step


def hits(logits, labels):
    """How many of logits (B, classes) are largest at their label: a 0-d integer.

    labels (B,), or targets (B, classes), whose label is where they are largest.
    """
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    return (logits.argmax(axis=1) == labels).sum()
