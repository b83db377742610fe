"""Linear: multiply every token by one matrix and add a bias."""

from dataclasses import dataclass

from .draws import xavier, zeros
from .sums import token_sum


@dataclass(frozen=True)
class Linear:
    """Map each token of width D_in to width D_out.

        y  = x @ w + b

        dx = dy @ w.T
        dw = x.T @ dy
        db = sum over tokens of dy

    How to find the backward: write one number of the forward, y[t, j] = sum_i x[t, i] w[i, j]
    + b[j], and add up all the ways in which a variable influences the loss. x[t, i] influences
    every y[t, j], with factor w[i, j]. w[i, j] influences y[t, j] of every token t, with factor
    x[t, i]; b[j] the same, with factor 1. So dw and db are sums over all tokens.

    `w` is (D_in, D_out), so that the code is the equation. Two fields are for `init` only. `blocks`
    is the number of matrices that w holds side by side (3 for queries, keys and values); each is
    drawn as if it were alone. `zero` starts w at 0, as the paper's code does for the head: at first
    all classes are equally likely.

    Keeps x, D_in numbers a token.

    Source of `zero`: Dosovitskiy et al. 2021, arXiv:2010.11929, in its code.
    """

    d_in: int
    d_out: int
    blocks: int = 1
    zero: bool = False

    def init(self, rng):
        """w (D_in, D_out) and b (D_out,)."""
        if self.zero:
            w = zeros(rng, self.d_in, self.d_out)
        else:
            w = xavier(rng, self.d_in, self.d_out // self.blocks, self.blocks)
        return {"w": w, "b": zeros(rng, self.d_out)}

    def forward(self, params, x, key=None):
        """x (..., D_in) -> y (..., D_out), cache."""
        w = params["w"]
        y = x.reshape(-1, self.d_in) @ w  # all tokens as rows: one matrix product
        y += params["b"]
        return y.reshape(*x.shape[:-1], self.d_out), (x, w)

    def backward(self, dy, cache):
        """dy (..., D_out) -> dx (..., D_in), grads."""
        x, w = cache
        rows = dy.reshape(-1, self.d_out)
        dx = rows @ w.T
        dw = x.reshape(-1, self.d_in).T @ rows
        return dx.reshape(x.shape), {"w": dw, "b": token_sum(rows)}
