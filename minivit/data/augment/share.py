"""Random numbers of a part of a batch, so that several ranks need not prepare the whole batch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """A generator for the slice `own` of a batch of `count` images.

    It draws for the whole batch and gives what falls to the slice. So a part of a batch is changed
    as it is when all the batch is, by functions that draw an equal number for each image, whatever
    they have drawn before, along the last axis.
    """

    rng: np.random.Generator
    count: int
    own: slice

    def random(self, size):
        """Like `Generator.random`, where `size` is the number of images of the slice."""
        self._check(size)
        return self.rng.random(self.count)[self.own]

    def integers(self, low, high, size):
        """Like `Generator.integers`, where the last number of `size` is that of the images."""
        *others, last = np.atleast_1d(size)
        self._check(last)
        return self.rng.integers(low, high, (*others, self.count))[..., self.own]

    def _check(self, size):
        assert size == self.own.stop - self.own.start, "not one number for each image"
