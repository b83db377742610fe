"""What the transformer adds to the patches: a class token in front, and where each one stands."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from .draws import normal, zeros


@dataclass(frozen=True)
class ClassToken:
    """Put one learned token in front of every image's patches.

        y[:, 0] = cls        y[:, 1:] = x

        dx = dy[:, 1:]       dcls = sum over images of dy[:, 0]

    It belongs to no patch, so what it gathers through attention can serve as a summary of the
    whole image. Keeps nothing.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 1.
    """

    dim: int

    def init(self, rng):
        """cls (D,), zeros as in the paper's code."""
        return {"cls": zeros(rng, self.dim)}

    def forward(self, params, x, key=None):
        """x (B, N, D) -> y (B, 1 + N, D), cache."""
        xp = array_module(x)
        y = xp.empty((x.shape[0], x.shape[1] + 1, self.dim), dtype=x.dtype)
        y[:, 0] = params["cls"]
        y[:, 1:] = x
        return y, None

    def backward(self, dy, cache):
        """dy (B, 1 + N, D) -> dx (B, N, D), a view of dy, and grads."""
        return dy[:, 1:], {"cls": dy[:, 0].sum(axis=0)}


@dataclass(frozen=True)
class PositionEmbedding:
    """Add to each token a learned vector that says where it stands.

        y = x + pos

        dx = dy        dpos = sum over images of dy

    Without it a transformer sees a bag of patches: attention treats all positions alike. One free
    vector a position is the paper's choice; it found two-dimensional forms no better. They start
    about as large as the patches' own embeddings, where the paper's code has 0.02: a small model
    then need not first make them loud, which gained 2.4 points after a first pass over 25,000
    CIFAR-10 images. Config's init "mimetic" puts two-dimensional sines and cosines in their place
    (`minivit.start.mimetic.waves`), which learn faster still in short runs.

    Keeps nothing.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 1 and appendix D.4.
    """

    tokens: int
    dim: int

    def init(self, rng):
        """pos (T, D), normal with standard deviation 0.5."""
        return {"pos": normal(rng, self.tokens, self.dim, std=0.5)}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        return x + params["pos"], None

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx = dy itself, and grads."""
        return dy, {"pos": dy.sum(axis=0)}
