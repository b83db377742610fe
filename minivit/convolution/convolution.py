"""Convolution: one Linear layer for every window of a map."""

import math
from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module
from ..errors import ConfigError
from ..layers.draws import xavier, zeros
from ..layers.sums import token_sum
from .turned import fits, turned_backward
from .windows import padded, same_padding, windows

# Numbers in a piece of windows: 1 MiB of float32, in a core's second-level cache. In smaller ones
# the backward's sum of dw costs more: 5% at half of it, 20% at a quarter.
PIECE = 1 << 18


@dataclass(frozen=True)
class Convolution:
    """Map every window of S x S pixels to C_out numbers, with the same matrix everywhere.

        padded         = x with rows and columns of zeros around it
        window[i, j]   = padded[i*s : i*s + S, j*s : j*s + S]     as one row of S*S*C_in numbers
        y[i, j]        = window[i, j] @ w + b

        db             = sum over windows of dy
        dw             = sum over windows of window[i, j].T @ dy[i, j]
        dwindow[i, j]  = dy[i, j] @ w.T
        dpadded        = 0, then padded's window (i, j) += dwindow[i, j], for all of them
        dx             = dpadded without the rows and columns around it

    S is `size`, s the stride: windows begin s pixels apart. So the forward gathers windows and
    makes one product with w, as `Linear` does with tokens. The backward is the transpose of both:
    the product with w.T, and each number of a window added to the pixel that it came from. Where
    windows share a pixel, its gradient is the sum over them.

    `padding` is (before, after) in pixels, the same for rows and columns; None: as much as gives
    H / s windows in H pixels. w is (S*S*C_in, C_out), with rows in the order row, column, channel.
    Like a Linear layer, w is drawn by Xavier's rule.

    All windows together are (S/s)^2 times as many numbers as x. They are made in cache-sized
    pieces of some images, or of some rows of one image, and made again in the backward. Windows
    that are S/s apart share no pixel, so the backward adds these at once.

    With stride 1 the backward can do without the sum over windows: see `turned.py`, which it uses
    where that is faster.

    Keeps padded, C_in numbers a pixel.

    Source: Dumoulin & Visin 2016, arXiv:1603.07285, sections 2 and 4; the windows as a matrix:
    Chellapilla et al. 2006, "High performance convolutional neural networks for document
    processing", section 3.
    """

    c_in: int
    c_out: int
    size: int
    stride: int = 1
    padding: tuple[int, int] | None = None
    bias: bool = True

    def __post_init__(self):
        if self.stride < 1 or self.size < 1:
            raise ConfigError(
                f"a convolution's size and stride are at least 1; got {self.size} and {self.stride}"
            )

    def init(self, rng):
        """w (S*S*C_in, C_out), and with `bias` b (C_out,)."""
        params = {"w": xavier(rng, self.size**2 * self.c_in, self.c_out)}
        return {**params, "b": zeros(rng, self.c_out)} if self.bias else params

    def forward(self, params, x, key=None):
        """x (B, H, W, C_in) -> y (B, H', W', C_out), cache. H' = (H + padding - S) // s + 1."""
        xp, w = array_module(x), params["w"]
        grown = padded(x, *self.sides)
        view = windows(grown, self.size, self.stride)
        y = xp.empty((*view.shape[:3], self.c_out), dtype=x.dtype)
        for piece, rows in self.gathered(view):
            xp.matmul(rows, w, out=y[piece].reshape(-1, self.c_out))
        if self.bias:
            y += params["b"]
        return y, (grown, w, x.shape)

    def backward(self, dy, cache):
        """dy (B, H', W', C_out) -> dx (B, H, W, C_in), grads."""
        if fits(self):  # the same in less time
            return turned_backward(self, dy, cache)
        grown, w, (_, height, width, _) = cache
        xp, before = array_module(dy), self.sides[0]
        dw, dpadded = xp.zeros(w.shape, dtype=w.dtype), xp.zeros(grown.shape, dtype=dy.dtype)
        dview = windows(dpadded, self.size, self.stride)
        for piece, rows in self.gathered(windows(grown, self.size, self.stride)):
            dy_rows = dy[piece].reshape(-1, self.c_out)
            dw += rows.T @ dy_rows
            self.add_windows(dview[piece], dy_rows @ w.T)
        dx = dpadded[:, before : before + height, before : before + width]
        return dx, {"w": dw, "b": token_sum(dy)} if self.bias else {"w": dw}

    def windows(self, x):
        """All windows of x (B, H, W, C_in) as rows (n, S*S*C_in), in the order of w's rows."""
        view = windows(padded(x, *self.sides), self.size, self.stride)
        return view.reshape(-1, self.size**2 * self.c_in)

    @property
    def sides(self):
        """Rows of zeros (before, after) the map; columns the same."""
        return self.padding or same_padding(self.size, self.stride)

    def gathered(self, view):
        """Yield (piece, its windows as rows (n, S*S*C)) for all of `windows`, piece by piece.

        A piece is a pair of slices: of images and of rows of windows. On a GPU there is one.
        """
        b, h, w = view.shape[:3]
        length = math.prod(view.shape[3:])
        most = PIECE // length if isinstance(view, np.ndarray) else b * h * w  # windows in a piece
        images, lines = max(1, most // (h * w)), min(h, max(1, most // w))
        for first in range(0, b, images):
            for line in range(0, h, lines):
                piece = slice(first, first + images), slice(line, line + lines)
                yield piece, view[piece].reshape(-1, length)

    def add_windows(self, dview, dwindows):
        """Add rows (n, S*S*C_in) to the windows that `dview` is a view of."""
        dwindows = dwindows.reshape(dview.shape)
        apart = -(-self.size // self.stride)  # windows so far apart share no pixel
        for i, j in np.ndindex(apart, apart):
            dview[:, i::apart, j::apart] += dwindows[:, i::apart, j::apart]
