"""Batches: which images make a step, and preparing the next batches while a step runs."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..arrays.backend import array_module, to_device
from ..arrays.keys import generator
from .augment.prepare import Preparation

CROP_AND_FLIP = Preparation()


def split(
    count: int, fraction: float, seed: int, used: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fraction of `count` training images -> (training, validation) indices.

    Both are sorted. Together they contain every index once, unless only the share `used` of the
    training images, at least one, is wanted. `seed` decides which are held out, and which are used:
    those of a smaller share are among those of a larger one.
    """
    order = generator(seed, "split").permutation(count)
    held_out = round(count * fraction)
    training = order[held_out:]
    training = training[: max(1, round(len(training) * used))]
    return np.sort(training), np.sort(order[:held_out])


def epoch(
    images: np.ndarray,
    labels: np.ndarray,
    indices: np.ndarray,
    *,
    number: int,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    prepare: Callable = CROP_AND_FLIP,
    own: Callable | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of epoch `number`: (images (B, H, W, C) uint8, labels or targets (B, ...)).

    images, labels  all images and their labels or targets: NumPy or CuPy arrays
    indices         which of them are used: each once, in random order; the last batch is shorter
                    if `batch_size` does not divide their number
    first_step      skip so many batches
    prepare         a Preparation or another function (images, labels, rng) -> (images, labels)
    own             (step, number of images) -> a slice: of that batch nobody will look at any other
                    images, and a Preparation leaves them out where it can

    (seed, number, step) decide every random choice, so the batches after `first_step` are the same
    as in an epoch from the beginning.
    """
    order = generator(seed, "order", number).permutation(indices)
    xp = array_module(images)
    for step in range(first_step, -(-len(order) // batch_size)):
        chosen = to_device(order[step * batch_size : (step + 1) * batch_size], xp)
        rng = generator(seed, "augment", number, step)
        if own and prepare.part_by_part:
            yield prepare.part(images, labels, chosen, rng, own(step, len(chosen)))
        else:
            yield prepare(images[chosen], labels[chosen], rng)


def on_device(batches: Iterable, xp) -> Iterator:
    """The same batches as arrays of `xp`; NumPy's stay as they are.

    Batches are prepared on the host and sent to a GPU: many small operations on few images take
    longer there. It is the GPU of the thread that calls this, whichever thread asks for batches.
    """
    gpu = xp.cuda.Device() if xp.__name__ == "cupy" else None

    def sent():
        for images, targets in batches:
            if gpu:
                gpu.use()  # a new thread begins with the first one of the machine
            yield to_device(images, xp), to_device(targets, xp)

    return sent()


def prefetch(iterable: Iterable, depth: int = 2) -> Iterator:
    """Yield the items of `iterable`; a thread computes up to `depth` of them in advance.

    An error in the thread is raised here. Closing this generator stops the thread. Where the system
    has no thread left, each item is computed when it is asked for.
    """
    items, stopped, end = queue.Queue(depth), threading.Event(), object()

    def put(item):
        while not stopped.is_set():
            try:
                return items.put(item, timeout=0.1)
            except queue.Full:
                pass

    def produce():
        try:
            for item in iterable:
                put((item, None))
                if stopped.is_set():
                    return
            put((end, None))
        except BaseException as error:
            put((end, error))

    thread = threading.Thread(target=produce, daemon=True, name="batches")
    try:
        thread.start()
    except RuntimeError:
        yield from iterable
        return
    try:
        while True:
            item, error = items.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
