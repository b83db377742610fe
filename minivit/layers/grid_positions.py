"""Positions from a patch's row and column: learned ones, and fixed ones."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays.backend import array_module, to_device
from .draws import normal

# Angles grow by 1 radian a patch in the fastest wave, and by about 1/BASE in the slowest.
BASE = 10_000


@dataclass(frozen=True)
class GridPositions:
    """Add a learned vector for the patch's row, and one for its column, each to a half of D.

        y[:, (i, j)] = x[:, (i, j)] + [row[i], column[j]]

        drow[i]      = sum over images and columns j of the first half of dy[:, (i, j)]
        dcolumn[j]   = sum over images and rows i of the second half of dy[:, (i, j)]
        dx           = dy

    (i, j) is the patch in row i and column j; the brackets put two vectors side by side. Patches of
    one row share its vector, so there are rows + columns vectors in place of rows * columns, and
    the model need not learn that a grid has two directions. The paper found it no better than a
    vector for each patch. The first `prefix_tokens` tokens (the class token) are on no grid: they
    pass as they are.

    Keeps nothing.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, appendix D.4 ("2-dimensional").
    """

    rows: int
    columns: int
    dim: int
    prefix_tokens: int = 0

    def init(self, rng):
        """row (rows, D1) and column (columns, D - D1), D1 = D / 2, normal with deviation 0.5."""
        half = self.dim // 2
        return {
            "row": normal(rng, self.rows, half, std=0.5),
            "column": normal(rng, self.columns, self.dim - half, std=0.5),
        }

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        y, half = x.copy(), self.dim // 2
        grid = self.grid(y)  # a view
        grid[..., :half] += params["row"][:, None]
        grid[..., half:] += params["column"]
        return y, None

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx = dy itself, and grads."""
        dgrid, half = self.grid(dy).sum(axis=0), self.dim // 2  # (rows, columns, D)
        drow = dgrid[..., :half].sum(axis=1)
        dcolumn = dgrid[..., half:].sum(axis=0)
        return dy, {"row": drow, "column": dcolumn}

    def grid(self, x):
        """(B, T, D) -> its patches, (B, rows, columns, D); a view where x is contiguous."""
        return x[:, self.prefix_tokens :].reshape(len(x), self.rows, self.columns, self.dim)


@dataclass(frozen=True)
class SincosPositions:
    """Add fixed sines and cosines of the patch's row and column.

        y[:, (i, j)] = x[:, (i, j)] + [waves of i, waves of j]         see `sincos`

        dx           = dy

    Nothing is learned. Near patches get similar vectors from the start, which a model with learned
    positions has to find out first. The first `prefix_tokens` tokens (the class token) pass.

    Keeps nothing.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5, for each axis; Beyer et al. 2022,
    arXiv:2205.01580 (in a plain ViT).
    """

    rows: int
    columns: int
    dim: int
    prefix_tokens: int = 0

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        sizes = self.rows, self.columns, self.dim, self.prefix_tokens
        return x + _with_prefix(*sizes, str(x.dtype), array_module(x)), None

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx = dy itself, no gradients."""
        return dy, {}


def sincos(rows, columns, dim):
    """Positions in a grid, (rows * columns, D): sines and cosines of the row, then of the column.

        waves of i = sin(i a), cos(i a)        for a = 1, BASE^(-1/q), BASE^(-2/q), ...; q = D / 4

    Close patches have similar positions: the product of two depends on their distances only.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5; here each axis takes half of D.
    """
    quarter = -(-dim // 4)  # rounded up
    frequencies = BASE ** (-np.arange(quarter) / quarter)

    def axis(length):
        angles = np.outer(np.arange(length), frequencies)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # (length, D / 2)

    row, column = np.repeat(axis(rows), columns, axis=0), np.tile(axis(columns), (rows, 1))
    return np.concatenate([row, column], axis=1)[:, :dim]


@lru_cache(maxsize=64)
def _with_prefix(rows, columns, dim, prefix, dtype, xp):
    """The positions of all tokens, (T, D), on the device: zeros for the first `prefix`."""
    positions = np.concatenate([np.zeros((prefix, dim)), sincos(rows, columns, dim)])
    return to_device(positions.astype(dtype), xp)
