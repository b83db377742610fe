"""Multi-head self-attention: every token collects information from all tokens."""

import math
from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .linear import Linear
from .sums import feature_sum


@dataclass(frozen=True)
class Attention:
    """Compare each token's query q with all keys k, and average the values v by the result.

    `heads` such averages run in parallel. `qkv` and `proj` are Linear layers. For each image and
    head, q, k, v and o are (T, K), and s and p are (T keys, T queries):

        q, k, v = qkv(x), split into heads of K = D / heads numbers
        s       = k q^T / sqrt(K)
        p       = softmax of s over keys        p[j, i]: the weight of value j for query i
        o       = p^T v
        y       = proj(o), with the heads side by side again

        do      = proj.backward(dy)
        dv      = p do
        dp      = v do^T
        mean_dp = sum over keys of p * dp
        ds      = p * (dp - mean_dp)
        dk      = ds q / sqrt(K)
        dq      = ds^T k / sqrt(K)
        dx      = qkv.backward(dq, dk, dv side by side)

    A product c = a b has da = dc b^T and db = a^T dc (see `Linear`). This gives dv and dp from o,
    and dk and dq from s. ds: each score of a query changes all of its p. The derivative of p[j] by
    s[l] is p[j] ([j = l] - p[l]), where [j = l] is 1 if j is l, else 0.

    mean_dp is the mean of dp with weights p. The code computes it as the sum over K of o * do,
    which has fewer terms: for query i, both are the sum of p[j, i] v[j, k] do[i, k] over j and k.

    Without 1/sqrt(K) the scores would grow as sqrt(K), and softmax would saturate. The code scales
    q in s = k q^T, and do in dp = v do^T, because they are smaller arrays than s and dp. So dp,
    mean_dp and ds contain 1/sqrt(K) already, and dk and dq need no further factor. A bias on k
    changes all scores of a query by the same amount, which softmax ignores: its gradient is zero.

    In memory s and p are (T keys, B, heads, T queries). With the keys first, the maximum and the
    sum in softmax run over long contiguous rows, not along T numbers at a time: half the time.

    Keeps x, q, k, v, p and o: 5D + heads * T numbers a token.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; Dosovitskiy et al. 2021,
    arXiv:2010.11929, appendix A (the biases are in its code).
    """

    dim: int
    heads: int
    qkv: Linear = field(init=False)
    proj: Linear = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "qkv", Linear(self.dim, 3 * self.dim, blocks=3))
        object.__setattr__(self, "proj", Linear(self.dim, self.dim))

    def init(self, rng):
        """qkv: w (D, 3D), b (3D,), columns: q of all heads, then k, v; proj: w (D, D), b (D,)."""
        return {"qkv": self.qkv.init(rng), "proj": self.proj.init(rng)}

    def split_qkv(self, qkv):
        """(B, T, 3D) -> q, k, v, each a view (B, heads, T, K)."""
        b, t, _ = qkv.shape
        parts = qkv.reshape(b, t, 3, self.heads, self.dim // self.heads)
        return (parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3))

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        xp, cache = array_module(x), {}
        qkv, cache["qkv"] = self.qkv.forward(params["qkv"], x)  # (B, T, 3D)
        q, k, v = self.split_qkv(qkv)  # (B, heads, T, K) each
        p = softmax(self.scores(k, q))  # (T keys, B, heads, T queries)
        o = xp.empty(x.shape, dtype=x.dtype)  # (B, T, D)
        xp.matmul(by_head(p).swapaxes(-1, -2), v, out=self.split_heads(o))
        y, cache["proj"] = self.proj.forward(params["proj"], o)
        cache["heads"] = (q, k, v, p, o)
        return y, cache

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), grads."""
        xp, grads = array_module(dy), {}
        q, k, v, p, o = cache.pop("heads")
        do, grads["proj"] = self.proj.backward(dy, cache.pop("proj"))
        mean_dp = self.mean_dp(do, o)  # (B, heads, T queries)
        do = self.split_heads(do)  # (B, heads, T, K)
        dqkv = xp.empty((*dy.shape[:-1], 3 * self.dim), dtype=dy.dtype)
        dq, dk, dv = self.split_qkv(dqkv)  # views: writing dq writes dqkv
        xp.matmul(by_head(p), do, out=dv)
        dp = self.scores(v, do)  # (T keys, B, heads, T queries)
        dp -= mean_dp
        ds = xp.multiply(p, dp, out=dp)
        xp.matmul(by_head(ds), q, out=dk)
        xp.matmul(by_head(ds).swapaxes(-1, -2), k, out=dq)
        dx, grads["qkv"] = self.qkv.backward(dqkv, cache.pop("qkv"))
        return dx, grads

    @property
    def scale(self):
        """1 / sqrt(K)."""
        return 1 / math.sqrt(self.dim // self.heads)

    def scores(self, k, q):
        """k q^T / sqrt(K) of every head: two (B, heads, T, K) -> (T keys, B, heads, T queries)."""
        xp, (b, heads, t, _) = array_module(k), k.shape
        s = xp.empty((t, b, heads, t), dtype=k.dtype)
        # a copy: q itself must not change, and with a contiguous factor matmul is a quarter faster
        scaled = q.swapaxes(-1, -2).copy(order="C")
        scaled *= self.scale
        xp.matmul(k, scaled, out=by_head(s))
        return s

    def mean_dp(self, do, o):
        """Sum over K of do * o, / sqrt(K), of every head: two (B, T, D) -> (B, heads, T)."""
        b, t, _ = o.shape
        mean_dp = feature_sum((do * o).reshape(b, t, self.heads, -1)) * self.scale
        return array_module(o).ascontiguousarray(mean_dp[..., 0].transpose(0, 2, 1))

    def split_heads(self, o):
        """(B, T, D) -> a view (B, heads, T, K)."""
        b, t, _ = o.shape
        return o.reshape(b, t, self.heads, -1).transpose(0, 2, 1, 3)


def by_head(s):
    """(T keys, B, heads, T queries) -> a view (B, heads, T keys, T queries)."""
    return s.transpose(1, 2, 0, 3)


def softmax(s):
    """p = exp(s) / sum of exp(s) over the first axis, written over `s`.

    The maximum is subtracted first, so that exp cannot overflow; it cancels in the quotient.
    """
    xp = array_module(s)
    s -= s.max(axis=0)
    exp_s = xp.exp(s, out=s)
    return xp.multiply(exp_s, 1.0 / exp_s.sum(axis=0), out=exp_s)
