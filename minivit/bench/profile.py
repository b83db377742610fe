"""Where a step's time goes: by layer and direction, in matrix products and in everything else.

Every layer's forward and backward is timed, on every thread, without the layers inside it. To time
the matrix products, the model gets parameters of an array class that times `@`; everything computed
from such an array is of that class too. The FLOPs of these products are added up as well and
compared with `minivit.costs` (sums that are computed as products with ones are counted here only).
"""

import contextlib
import time
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from .. import convolution, layers
from ..arrays import tree
from ..costs import flops
from ..cuda.fast import KINDS
from ..training import trainer as training
from .step import Bench, kernel_by_kernel
from .stopwatch import Stopwatch, Total, watching
from .timing import average, timed


@dataclass
class Profile:
    """A step's time.

    rows: {name: {"forward"|"backward": (ms, ms of it in products)}}, in the order of the model; ms
    of wall time: thread time over the number of threads. step_ms: a profiled step; plain_ms: one
    that is not watched; counted: FLOPs of all products over those of `minivit.costs`, None on a
    GPU, where products are not watched.
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


def profile_step(size, workers, xp=np, steps=5):
    """Profile training steps of `size` -> Profile. workers: threads, not yet entered."""
    bench = Bench(size, workers, xp, dataset_size=size.batch)
    with workers:
        plain = average(bench.train, bench.wait)
        watch = Stopwatch(bench.wait)
        if xp is np:
            watch_products(bench.trainer, watch)
        with kernel_by_kernel(bench.trainer), watching_layers(bench.trainer, watch):
            bench.train()
            watch.totals.clear()
            seconds = timed(lambda: [bench.train() for _ in range(steps)], bench.wait)
    expected = steps * size.batch * flops(size.config, training=True)
    counted = sum(total.flops for total in watch.totals.values()) / expected
    rows = rows_of(watch.totals, workers.count, steps, seconds)
    return Profile(rows, 1e3 * seconds / steps, 1e3 * plain, counted if xp is np else None)


def watch_products(trainer, watch):
    """Give the trainer parameters, mean and deviation whose matrix products `watch` times."""
    kind = timing_array(watch)
    trainer.params = tree.map(lambda leaf: leaf.view(kind), trainer.params)
    trainer.mean, trainer.std = trainer.mean.view(kind), trainer.std.view(kind)


def timing_array(watch):
    """An array class whose matrix products `watch` times, like those of all results."""

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
                count = 2 * result.size * inputs[0].shape[-1]
                watch.product(time.perf_counter() - start, count)
            if out:
                return out[0]
            return result.view(Timing) if isinstance(result, np.ndarray) else result

    Timing.__module__ = "numpy"  # array_module asks the array's class for its library
    return Timing


@contextlib.contextmanager
def watching_layers(trainer, watch):
    """Inside `with`, time all layers of the model and what the trainer does around them."""
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
        for kind in (*vars(layers).values(), *vars(convolution).values(), *KINDS)
        if isinstance(kind, type) and hasattr(kind, "backward")
    }
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            for direction in {"forward", "backward"} & vars(kind).keys():  # not what it inherits
                stack.enter_context(watching(kind, direction, label(direction), watch))
        for owner, function, name in (
            (training, "normalise", "normalise"),
            (type(trainer.gradient_sums), "keep", "gradient sums"),
            (type(trainer.gradient_sums), "add", "gradient sums"),
            (trainer.update, "step", "clip, optimizer"),
        ):
            stack.enter_context(watching(owner, function, always(name), watch))
        yield


def part_names(trainer):
    """{id of a layer: its name in its parent}; all blocks have the name "block"."""
    names = {}

    def walk(layer, name):
        names[id(layer)] = name
        for field in fields(layer) if is_dataclass(layer) else ():
            part = getattr(layer, field.name)
            for own, each in part if isinstance(part, tuple) else ((field.name, part),):
                if hasattr(each, "backward"):  # a part, or one of the layers of a chain
                    walk(each, own)

    for name, part in trainer.model.parts.items():
        walk(part, name.rstrip("0123456789"))
    return {**names, id(trainer.objective.loss): "loss"}


def rows_of(totals, threads, steps, seconds):
    """The rows of a Profile, from the totals of `steps` steps that took `seconds`."""
    rows, per_step = {}, 1e3 / threads / steps
    # totals are in the order of first return: a composite layer comes after its parts
    for name, direction in sorted(filter(None, totals), key=lambda label: label[1] == "backward"):
        total = totals[name, direction]
        scale = per_step * (threads if name == "clip, optimizer" else 1)  # wall time as it is
        row = rows.setdefault(name, {})
        row[direction or "forward"] = (scale * total.own, scale * total.products)
    outside = totals.get(None, Total())  # products in no layer
    rest = 1e3 * seconds / steps - sum(ms for row in rows.values() for ms, _ in row.values())
    rows["all else, waiting"] = {"forward": (rest, per_step * outside.products)}
    return rows
