"""Keys: random numbers that have an address.

The numbers of a shared generator depend on the order of calls. A `Key` is an address instead:
(seed, step, index of the first image, path of the layer). The same address always gives the same
numbers. So a mask does not depend on the number of workers, on how the batch is divided, on a
second forward, or on whether the run was resumed.

The numbers come from Philox, a counter-based generator: it computes number i of a stream from
(key, counter i) only, so the numbers of image 17 do not need those of image 16.
Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; `numpy.random.Philox`.
"""

import math
from binascii import crc32
from dataclasses import dataclass, replace

import numpy as np

NUMBERS_PER_COUNT = 16  # one Philox 4x64 counter makes 256 bits: sixteen 16-bit numbers


def generator(seed, purpose, *where):
    """A NumPy Generator for one use; (seed, purpose, epoch, step, ...) names its own stream."""
    return np.random.default_rng([seed, crc32(purpose.encode()), *where])


@dataclass(frozen=True)
class Key:
    """An address in a run. `first` is the index in the batch of the (micro-batch's) first image."""

    seed: int
    step: int = 0
    first: int = 0
    path: str = ""

    def at(self, name):
        """The key of the part called `name`."""
        return replace(self, path=f"{self.path}.{name}")

    def uint16(self, shape):
        """Uniform 16-bit integers of `shape` (B, ...), always on the host.

        Each image has its own whole number of Philox counters. So the numbers of an image depend
        on its index in the batch, `first + i`, not on how the batch is divided.
        """
        images, per_image = shape[0], math.prod(shape[1:])
        counts = -(-per_image // NUMBERS_PER_COUNT)  # rounded up
        philox = np.random.Philox(
            key=np.array([self.seed, crc32(self.path.encode())], np.uint64),
            counter=[self.first * counts, 0, self.step, 0],
        )
        raw = philox.random_raw(images * counts * 4).view(np.uint16)
        return raw.reshape(images, -1)[:, :per_image].reshape(shape)


def at(key, name):
    """`key.at(name)`, or None in evaluation, where nothing is random."""
    return None if key is None else key.at(name)
