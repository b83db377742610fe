"""Linear: every token times one matrix, plus a bias."""

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

    To read the backward off the forward, write out one number, y[t, j] = sum_i x[t, i] w[i, j]
    + b[j], and add up every way in which a number reaches the loss. x[t, i] reaches it through
    every y[t, j], with factor w[i, j]; w[i, j] through y[t, j] of every token t, with factor
    x[t, i]; b[j] through the same, with factor 1. So dw and db are sums over all tokens.

    `w` is (D_in, D_out), so that the code is the equation. Two fields matter to `init` alone:
    `blocks`, how many matrices w holds side by side (3 for queries, keys and values), each drawn
    in the range of its own; `zero`, which starts w at 0, as the paper's code does for the head, so
    that all classes are equally likely at first.

    Keeps its input, D_in numbers a token.
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
        y = x.reshape(-1, self.d_in) @ w  # tokens as rows: one matrix product
        y += params["b"]
        return y.reshape(*x.shape[:-1], self.d_out), (x, w)

    def backward(self, dy, cache):
        """dy (..., D_out) -> dx (..., D_in), grads."""
        x, w = cache
        rows = dy.reshape(-1, self.d_out)
        dx = rows @ w.T
        dw = x.reshape(-1, self.d_in).T @ rows
        return dx.reshape(x.shape), {"w": dw, "b": token_sum(rows)}
