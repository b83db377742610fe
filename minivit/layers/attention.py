"""Multi-head self-attention: every token looks at all the others and takes what it needs."""

import math
from dataclasses import dataclass, field

from ..arrays.backend import array_module
from .linear import Linear
from .sums import feature_sum


@dataclass(frozen=True)
class Attention:
    """Each token asks (q), every token answers (k) and offers (v); `heads` such rounds in parallel.

    `qkv` and `proj` are Linear layers. For each image and head, q, k, v and o are (T, K) and s and
    p are (T keys, T queries):

        q, k, v = qkv(x), cut into heads of K = D / heads numbers
        s       = k q^T / sqrt(K)
        p       = softmax of s over keys        p[j, i]: how much query i takes from key j
        o       = p^T v
        y       = proj(o), the heads side by side again

        do      = proj.backward(dy)
        dv      = p do
        dp      = v do^T
        mean_dp = sum over keys of p * dp
        ds      = p * (dp - mean_dp)
        dk      = ds q / sqrt(K)
        dq      = ds^T k / sqrt(K)
        dx      = qkv.backward(dq, dk, dv side by side)

    A product c = a b has da = dc b^T and db = a^T dc (see `Linear`): this gives dv and dp from o,
    dk and dq from s. In ds, each score of a query moves all of its p: the derivative of p[j] by
    s[l] is p[j] ([j = l] - p[l]), where [j = l] is 1 if j is l and 0 if not. mean_dp, the mean of
    dp with weights p, is computed as the sum over K of o * do, which has fewer numbers to add: for
    query i both are the sum of p[j, i] v[j, k] do[i, k] over all j and k.

    1/sqrt(K) keeps the scores of size 1, so that softmax neither saturates nor flattens. The code
    scales q in s = k q^T, and do in dp = v do^T, because they are small beside s and dp. So dp,
    mean_dp and ds carry 1/sqrt(K) already, and dk and dq need no more of it. A bias on k moves all
    scores of a query alike and softmax forgets it: its gradient is zero.

    In memory s and p are (T keys, B, heads, T queries). Keys first, softmax takes its maximum and
    sum over whole slabs of memory instead of along T numbers at a time: half the time.

    Keeps x, q k v, p and o: 5D + heads * T numbers a token.

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
        """qkv: w (D, 3D), b (3D,), in the order q, k, v, each by heads; proj: w (D, D), b (D,)."""
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
        dq, dk, dv = self.split_qkv(dqkv)  # views: to write dq is to write dqkv
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
        # a small copy: the scale must not reach q itself, and the product is a quarter faster
        scaled = q.swapaxes(-1, -2).copy(order="C")
        scaled *= self.scale
        xp.matmul(k, scaled, out=by_head(s))
        return s

    def mean_dp(self, do, o):
        """Sum of do * o over K, / sqrt(K), of every head: two (B, T, D) -> (B, heads, T)."""
        b, t, _ = o.shape
        mean_dp = feature_sum((do * o).reshape(b, t, self.heads, -1)) * self.scale
        return array_module(o).ascontiguousarray(mean_dp[..., 0].transpose(0, 2, 1))

    def split_heads(self, o):
        """(B, T, D) seen as (B, heads, T, K), a view."""
        b, t, _ = o.shape
        return o.reshape(b, t, self.heads, -1).transpose(0, 2, 1, 3)


def by_head(s):
    """(T keys, B, heads, T queries) seen as (B, heads, T keys, T queries), a view."""
    return s.transpose(1, 2, 0, 3)


def softmax(s):
    """p = exp(s) / sum of exp(s) over the first axis, written over `s`.

    The maximum is taken away first: it cancels in the quotient and keeps exp from overflowing.
    """
    xp = array_module(s)
    s -= s.max(axis=0)
    exp_s = xp.exp(s, out=s)
    return xp.multiply(exp_s, 1.0 / exp_s.sum(axis=0), out=exp_s)
