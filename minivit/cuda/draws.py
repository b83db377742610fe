"""What a recorded step draws at random: on the host, before each repetition."""

from dataclasses import dataclass, replace

import numpy as np

from ..arrays.backend import array_module, to_device
from ..layers import DropPath, PatchDropout


class Drawn:
    """Arrays that layers draw from their keys, on the device, where they stay from step to step.

    They lie next to each other in `memory`, bytes, so that one copy brings them all. Each has the
    path of its key and how it is made: make(key) -> an array on the host, always of one shape.
    """

    def __init__(self, memory):
        self.memory, self.places, self.used, self.key = memory, {}, 0, None

    def fill(self, key):
        """Draw all arrays that are known for the step of `key`; others as they are asked for."""
        self.key = key
        if self.places:
            self.copy(0, [make(replace(key, path=path)) for path, (make, _) in self.places.items()])

    def array(self, path, make):
        """make(key) on the device, for the key of this step at `path`."""
        if path not in self.places:
            host, start = make(replace(self.key, path=path)), self.used
            self.used = start + room(host)
            part = self.memory[start : start + host.nbytes]
            self.places[path] = make, part.view(host.dtype).reshape(host.shape)
            self.copy(start, [host])
        return self.places[path][1]

    def copy(self, start, arrays):
        """Copy host arrays to the device, one after another from byte `start` on."""
        host, at = np.empty(sum(map(room, arrays)), np.uint8), 0
        for array in arrays:
            host[at : at + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            at += room(array)
        self.memory[start : start + at] = to_device(host, array_module(self.memory))


def room(array):
    """The bytes that an array takes in `Drawn.memory`: the next one begins at a multiple of 8."""
    return -(-array.nbytes // 8) * 8


def bytes_for(images, config):
    """The most that `images` images take in a model of this config: tokens, and drop path's."""
    return images * 8 * (config.tokens + 2 * config.depth)


@dataclass(frozen=True)
class DrawnKey:
    """A `Key` in a step that is recorded: it has the path, and `drawn` the numbers."""

    drawn: Drawn
    path: str = ""

    def at(self, name):
        """The key of the part called `name`."""
        return replace(self, path=f"{self.path}.{name}")


def drawn(make, key, xp):
    """make(key), an array on the host, as one of `xp`."""
    return (
        key.drawn.array(key.path, make) if isinstance(key, DrawnKey) else to_device(make(key), xp)
    )


def keep_factors(rate, x, key, xp):
    """What drop path multiplies the images of x (B, ...) with (B,); None where nothing is dropped.

    They are drawn on the host.
    """
    ones = np.ones((len(x), 1, 1), x.dtype)

    def keep(key):
        factors, _ = DropPath(rate).forward({}, ones, key)
        return factors.reshape(-1)

    return None if key is None or rate == 0 else drawn(keep, key, xp)


@dataclass(frozen=True)
class DrawnPatchDropout(PatchDropout):
    """`minivit.layers.PatchDropout`, also in a step that is recorded."""

    def kept(self, key, shape, xp):
        """The index of the tokens of x that stay: images (B, 1), tokens (B, count) ascending."""
        b, t, _ = shape
        return xp.arange(b)[:, None], drawn(lambda key: self.tokens(key, b, t), key, xp)
