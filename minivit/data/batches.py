"""Batches: which images make a step, and preparing them before they are asked for."""

import queue
import threading

import numpy as np

from ..arrays.backend import array_module, to_device
from ..arrays.keys import generator
from .augment.prepare import Preparation


def split(count, fraction, seed):
    """Hold out a share of `count` training images for decisions -> (training, validation) indices.

    Both sorted, disjoint, together everything; fixed by `seed`.
    """
    order = generator(seed, "split").permutation(count)
    held_out = round(count * fraction)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


CROP_AND_FLIP = Preparation()


def epoch(images, labels, indices, batch_size, seed, number, first_step=0, prepare=CROP_AND_FLIP):
    """Yield (images (B, H, W, C) uint8, labels or targets) for the steps of epoch `number`.

    Every image of `indices` once, in an order of the epoch's own; the last batch holds the rest.
    All is decided by (seed, epoch, step), so starting at `first_step` meets the same batches.
    """
    order = generator(seed, "order", number).permutation(indices)
    xp = array_module(images)
    for step in range(first_step, -(-len(order) // batch_size)):
        chosen = to_device(order[step * batch_size : (step + 1) * batch_size], xp)
        yield prepare(images[chosen], labels[chosen], generator(seed, "augment", number, step))


def ahead(iterator, depth=2):
    """Yield what `iterator` yields, prepared up to `depth` items ahead on a thread of its own.

    An error in the thread is raised here; leaving early stops the thread.
    """
    waiting, stopped, end = queue.Queue(depth), threading.Event(), object()

    def put(item):
        while not stopped.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                pass

    def produce():
        try:
            for item in iterator:
                put((item, None))
                if stopped.is_set():
                    return
            put((end, None))
        except BaseException as error:
            put((end, error))

    thread = threading.Thread(target=produce, daemon=True, name="batches")
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
