"""Keys: randomness that is addressed, not drawn.

A generator that is passed around gives numbers that depend on who asked first. A `Key` is an
address instead: (seed, step, index of the first image, path of the layer). The same address
always gives the same numbers, so a mask does not depend on the number of threads, on how the
batch was cut, on a second forward, or on whether the run was resumed.

The numbers come from Philox, a counter-based generator: number i of a stream is computed from
(key, counter i) alone, so image 17's numbers can be had without image 16's.
Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; `numpy.random.Philox`.
"""

import math
import zlib
from dataclasses import dataclass, replace

import numpy as np

NUMBERS_PER_COUNT = 16  # one Philox 4x64 counter makes 256 bits: sixteen 16-bit numbers


def generator(seed, purpose, *where):
    """A NumPy Generator for one use: (seed, purpose, epoch, step, ...) -> its own stream."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *where])


@dataclass(frozen=True)
class Key:
    """Where in the run we are. `first` is the index in the batch of the first image at hand."""

    seed: int
    step: int = 0
    first: int = 0
    path: str = ""

    def at(self, name):
        """The key of the part called `name`."""
        return replace(self, path=f"{self.path}.{name}")

    def uint16(self, shape):
        """Uniform 16-bit integers of `shape` (B, ...), the same for an image however cut.

        Each image owns a whole number of Philox counters, so the numbers of image `first + i`
        stand at a place that only its index in the batch decides.
        """
        images, per_image = shape[0], math.prod(shape[1:])
        counts = -(-per_image // NUMBERS_PER_COUNT)  # rounded up
        philox = np.random.Philox(
            key=np.array([self.seed, zlib.crc32(self.path.encode())], np.uint64),
            counter=[self.first * counts, 0, self.step, 0],
        )
        raw = philox.random_raw(images * counts * 4).view(np.uint16)
        return raw.reshape(images, -1)[:, :per_image].reshape(shape)


def at(key, name):
    """`key.at(name)`, or None in evaluation, where nothing is random."""
    return None if key is None else key.at(name)
