"""Where a step's time goes: by layer and direction, in matrix products and in everything else.

Every layer's forward and backward is timed, on every thread, without the layers inside it. Matrix
products are seen by giving the model parameters of a class of array that times `@`; what is
computed from such an array is of that class too. The products' FLOPs are added up on the way, so
that the formula of `minivit.costs` can be held against what was really multiplied (products with
ones, which sum, come on top of it).
"""

import contextlib
import time
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from .. import layers
from ..arrays import tree
from ..costs import flops
from ..training import trainer as training
from .step import Bench
from .stopwatch import Stopwatch, Total, watching
from .timing import average, timed


@dataclass
class Profile:
    """A step's time. rows: {name: {"forward"|"backward": (ms, ms of it in products)}}, in the order
    in which an image meets the layers; ms of wall time: thread time over the number of threads.

    step_ms: a profiled step; plain_ms: one that is not watched; counted: FLOPs of the products seen
    over those of the formula, None on a GPU, where products are not seen.
    """

    rows: dict
    step_ms: float
    plain_ms: float
    counted: float | None

    def share(self, name):
        """The row's share of the profiled step."""
        return sum(ms for ms, _ in self.rows[name].values()) / self.step_ms

    @property
    def product_share(self):
        """The matrix products' share of the profiled step."""
        return sum(p for row in self.rows.values() for _, p in row.values()) / self.step_ms


def profile(size, workers, xp=np, steps=5):
    """Profile training steps of `size` -> Profile. `workers`: threads, not yet entered."""
    bench = Bench(size, workers, xp, pictures=size.batch)
    with workers:
        plain = average(bench.train, bench.wait)
        watch = Stopwatch(bench.wait)
        if xp is np:
            watch_products(bench.trainer, watch)
        with watching_layers(bench.trainer, watch):
            bench.train()
            watch.totals.clear()
            seconds = timed(lambda: [bench.train() for _ in range(steps)], bench.wait)
    formula = steps * size.batch * flops(size.config, training=True)
    counted = sum(total.flops for total in watch.totals.values()) / formula
    rows = table(watch.totals, workers.count, steps, seconds)
    return Profile(rows, 1e3 * seconds / steps, 1e3 * plain, counted if xp is np else None)


def watch_products(trainer, watch):
    """Give the trainer parameters, mean and deviation whose matrix products `watch` times."""
    kind = timing_array(watch)
    trainer.params = tree.map(lambda leaf: leaf.view(kind), trainer.params)
    trainer.mean, trainer.std = trainer.mean.view(kind), trainer.std.view(kind)


def timing_array(watch):
    """A class of NumPy array, and of all that is computed from it, whose products are timed."""

    def plain(x):
        return x.view(np.ndarray) if isinstance(x, Timing) else x

    class Timing(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
            if out:
                keywords["out"] = tuple(map(plain, out))
            inputs = [plain(x) for x in inputs]
            start = time.perf_counter()
            result = getattr(ufunc, method)(*inputs, **keywords)
            if ufunc is np.matmul:
                work = 2 * result.size * inputs[0].shape[-1]
                watch.product(time.perf_counter() - start, work)
            if out:
                return out[0]
            return result.view(Timing) if isinstance(result, np.ndarray) else result

    Timing.__module__ = "numpy"  # array_module asks the array's class for its library
    return Timing


@contextlib.contextmanager
def watching_layers(trainer, watch):
    """Time all layers of the model, and what the trainer does around them, inside `with`."""
    names = part_names(trainer)

    def label(direction):
        def name(layer, *_):
            outer = watch.stack[-1][0][0] if watch.stack else ""
            own = names.get(id(layer), type(layer).__name__.lower())
            return (f"{outer}.{own}" if outer else own, direction)

        return name

    def always(name, direction=""):
        return lambda *_: (name, direction)

    kinds = {
        kind
        for kind in vars(layers).values()
        if isinstance(kind, type) and hasattr(kind, "backward")
    }
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            for direction in ("forward", "backward"):
                stack.enter_context(watching(kind, direction, label(direction), watch))
        for owner, function, name in (
            (training, "normalise", "normalise"),
            (training.OrderedSum, "_add", "gradient sums"),
            (trainer.update, "step", "clip, optimizer"),
        ):
            stack.enter_context(watching(owner, function, always(name), watch))
        yield


def part_names(trainer):
    """{id of a layer: its name in its parent}; the blocks are one layer, called "block"."""
    names = {}

    def walk(layer, name):
        names[id(layer)] = name
        for field in fields(layer) if is_dataclass(layer) else ():
            if hasattr(getattr(layer, field.name), "backward"):
                walk(getattr(layer, field.name), field.name)

    for name, part in trainer.model.parts.items():
        walk(part, name.rstrip("0123456789"))
    return {**names, id(trainer.objective.loss): "loss"}


def table(totals, threads, steps, seconds):
    """The rows of a Profile, from the totals of `steps` steps that took `seconds`."""
    rows, per_step = {}, 1e3 / threads / steps
    # totals are in the order of first return: a composite comes after its parts
    for name, direction in sorted(filter(None, totals), key=lambda label: label[1] == "backward"):
        total = totals[name, direction]
        scale = per_step * (threads if name == "clip, optimizer" else 1)  # it has all threads
        row = rows.setdefault(name, {})
        row[direction or "forward"] = (scale * total.seconds, scale * total.products)
    lost = totals.get(None, Total())  # products outside of any layer
    spent = sum(ms for row in rows.values() for ms, _ in row.values())
    rows["all else, waiting"] = {"forward": (1e3 * seconds / steps - spent, lost.products)}
    return rows
