"""MaxPool: of every window, the largest number of each channel."""

import math
from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module
from .windows import padded, same_padding


@dataclass(frozen=True)
class MaxPool:
    """Make a map smaller: keep the largest of the S x S numbers of every window and channel.

        padded    = x with rows and columns of -infinity around it
        y[i, j]   = max over r, c of padded[i*s + r, j*s + c]
        place     = the first (r, c), row by row, at which padded has y

        dpadded   = 0, then for every window, with (r, c) = place[i, j]:
        dpadded[i*s + r, j*s + c]  +=  dy[i, j]
        dx        = dpadded without the rows and columns around it

    S is `size`, s the stride. A small change of a number that is not the largest changes nothing,
    so the whole gradient goes to the largest. Where two numbers are equal and largest, max has no
    derivative; the first of them gets the gradient.

    Keeps place, a byte for each number of y.

    Source: Dumoulin & Visin 2016, arXiv:1603.07285, section 3; its size and padding in a ResNet:
    Dosovitskiy et al. 2021, in its code.
    """

    size: int = 3
    stride: int = 2

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, H, W, C) -> y (B, H', W', C), cache. H and W must be multiples of s."""
        xp = array_module(x)
        grown = padded(x, *same_padding(self.size, self.stride), value=-math.inf)
        y = place = None
        for number, view in enumerate(self.corners(grown)):
            if y is None:
                y, place = view.copy(), xp.zeros(view.shape, dtype=xp.uint8)
                continue
            xp.maximum(place, (view > y) * xp.uint8(number), out=place)
            xp.maximum(y, view, out=y)
        return y, (place, x.shape, grown.shape)

    def backward(self, dy, cache):
        """dy (B, H', W', C) -> dx (B, H, W, C), no gradients."""
        place, (_, height, width, _), shape = cache
        before, _ = same_padding(self.size, self.stride)
        dpadded = array_module(dy).zeros(shape, dtype=dy.dtype)
        for number, view in enumerate(self.corners(dpadded)):
            view += dy * (place == number)
        return dpadded[:, before : before + height, before : before + width], {}

    def corners(self, grown):
        """Yield, for every (r, c) of a window, the view (B, H', W', C) of that pixel of each."""
        s = self.stride
        _, h, w, _ = grown.shape
        high, wide = ((side - self.size) // s * s + 1 for side in (h, w))
        for r, c in np.ndindex(self.size, self.size):
            yield grown[:, r : r + high : s, c : c + wide : s]
