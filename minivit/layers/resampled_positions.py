"""ResampledPositions: learned positions of one grid of patches, used on another."""

from dataclasses import dataclass
from functools import lru_cache

from ..arrays.backend import array_module, to_device
from ..arrays.interpolation import WAYS, grid_matrix
from .tokens import PositionEmbedding


@dataclass(frozen=True)
class ResampledPositions(PositionEmbedding):
    """Add the learned vectors of another grid, interpolated in two dimensions.

        y    = x + R pos                         R: `grid_matrix`

        dx   = dy        dpos = R^T (sum over images of dy)

    With images of another size and patches of the same, there are T' tokens in place of T. A patch
    takes a weighted mean of the vectors of the places around it; a class token keeps its own. The
    parameters stay those of the first grid, so a model can learn at several sizes.

    Keeps nothing.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2; the ways of interpolation are in
    `arrays/interpolation.py`.
    """

    old: tuple = (1, 1)
    new: tuple = (1, 1)
    prefix_tokens: int = 0
    way: str = "bilinear"

    def forward(self, params, x, key=None):
        """x (B, T', D) -> y (B, T', D), cache. pos is (T, D)."""
        return x + self.matrix(x) @ params["pos"], None

    def backward(self, dy, cache):
        """dy (B, T', D) -> dx = dy itself, and grads."""
        return dy, {"pos": self.matrix(dy).T @ dy.sum(axis=0)}

    def matrix(self, x):
        """R (T', T), in the dtype and on the device of x."""
        how = self.way, self.old, self.new, self.prefix_tokens
        return _on_device(*how, str(x.dtype), array_module(x))


@lru_cache(maxsize=64)
def _on_device(way, old, new, prefix, dtype, xp):
    return to_device(grid_matrix(WAYS[way], old, new, prefix).astype(dtype), xp)
