"""What drop path draws in a step that is recorded once and repeated with other numbers."""

from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays.backend import array_module, to_device
from ..layers import DropPath


def kept(rate, images, dtype, key):
    """DropPath's factor for each of `images` images (B,), on the host."""
    keep, _ = DropPath(rate).forward({}, np.ones((images, 1, 1), dtype), key)
    return keep.reshape(-1)


@dataclass
class Drawn:
    """The factors of a step: `kept` at each (path, rate), in rows of one array on the device."""

    rows: object
    places: list = field(default_factory=list)

    def row(self, place):
        """The factors at a (path, rate)."""
        if place not in self.places:
            self.places.append(place)
        return self.rows[self.places.index(place)]

    def fill(self, key):
        """Draw them for the step of `key`."""
        if self.places:
            _, images = self.rows.shape
            dtype = self.rows.dtype
            host = [kept(rate, images, dtype, replace(key, path=p)) for p, rate in self.places]
            self.rows[: len(host)] = to_device(np.stack(host), array_module(self.rows))


@dataclass(frozen=True)
class DrawnKey:
    """A `Key` in a step that is recorded: it has the path, and `drawn` the numbers."""

    drawn: Drawn
    path: str = ""

    def at(self, name):
        """The key of the part called `name`."""
        return replace(self, path=f"{self.path}.{name}")


def keep_factors(rate, x, key, xp):
    """What drop path multiplies the images of x (B, ...) with (B,); None where nothing is dropped.

    They are drawn on the host.
    """
    if key is None or rate == 0:
        return None
    if not isinstance(key, DrawnKey):
        return to_device(kept(rate, len(x), x.dtype, key), xp)
    return key.drawn.row((key.path, rate))
