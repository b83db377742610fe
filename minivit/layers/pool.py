"""Pooling: turn the tokens of an image into the one vector that the head classifies."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from .attention import softmax
from .draws import xavier


@dataclass(frozen=True)
class ClassPool:
    """Take the class token and drop the rest.

        y = x[:, 0]

        dx[:, 0] = dy, zero elsewhere

    Keeps the shape of x only. But y is a view of x, so a layer that keeps y keeps all of x.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 4.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, D), a view of x, and the shape of x."""
        return x[:, 0], x.shape

    def backward(self, dy, cache):
        """dy (B, D) -> dx (B, T, D), no gradients."""
        dx = array_module(dy).zeros(cache, dtype=dy.dtype)
        dx[:, 0] = dy
        return dx, {}


@dataclass(frozen=True)
class MeanPool:
    """Average the tokens; there is no class token.

        y = mean over tokens of x

        dx[:, t] = dy / T, the same for every token

    Every patch gets a part of the gradient directly. With a class token a patch gets only what
    comes back through attention. Keeps the shape of x only.

    Source: Zhai et al. 2022, arXiv:2106.04560; Beyer et al. 2022, arXiv:2205.01580.
    """

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, D), and the shape of x."""
        return x.mean(axis=1), x.shape

    def backward(self, dy, cache):
        """dy (B, D) -> dx (B, T, D), no gradients."""
        dx = array_module(dy).empty(cache, dtype=dy.dtype)
        dx[:] = (dy / cache[1])[:, None]
        return dx, {}


@dataclass(frozen=True)
class SequencePool:
    """Average the tokens with weights that depend on the tokens.

        s  = x @ w
        p  = softmax of s over tokens
        y  = sum over tokens of p * x

        dp = sum over features of x * dy
        ds = p * (dp - sum over tokens of p * dp)
        dx = p * dy + ds @ w.T
        dw = x.T @ ds

    This is attention with one learned query, w, so no class token is needed. With w = 0 it is
    `MeanPool`. The paper's code adds a bias to s; here there is none, because softmax ignores what
    is added to all scores. x is used twice, in s and in y, so dx is a sum of two terms.

    Keeps x and p: D + 1 numbers a token.

    Source: Hassani et al. 2021, arXiv:2104.05704, "SeqPool".
    """

    dim: int

    def init(self, rng):
        """w (D, 1)."""
        return {"w": xavier(rng, self.dim, 1)}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, D), cache."""
        w = params["w"]
        s = (x.reshape(-1, self.dim) @ w).reshape(x.shape[:2])  # (B, T)
        p = softmax(s.T).T  # over tokens
        return (p[:, None] @ x)[:, 0], (x, p, w)

    def backward(self, dy, cache):
        """dy (B, D) -> dx (B, T, D), grads."""
        x, p, w = cache
        dp = (x @ dy[:, :, None])[:, :, 0]  # (B, T)
        ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
        dx = p[:, :, None] * dy[:, None]
        dx += ds[:, :, None] * w[:, 0]
        return dx, {"w": x.reshape(-1, self.dim).T @ ds.reshape(-1, 1)}
