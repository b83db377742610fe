"""Attention that knows where the other patches are, seen from each patch."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays.backend import array_module, to_device
from .attention import Attention, by_head, softmax
from .block import TransformerBlock
from .draws import normal


@dataclass(frozen=True)
class RelativeAttention(Attention):
    """`Attention` with a learned number for each head and offset, added to the scores.

        s[j, i]   = k[j] . q[i] / sqrt(K) + bias[offset(j, i)]        for each head

        dbias[o]  = sum over images and over the pairs (j, i) with offset o of ds[j, i]

    and all else as in `Attention`, with ds = p * (dp - mean_dp). The offset of key j from query i
    is how many rows and columns lie between the two patches. All pairs with one offset share one
    number, so what a head learns at one place ("look one patch to the left") holds everywhere.
    Three more numbers are for pairs with the class token: as query, as key, and with itself.

    The numbers start with standard deviation 2, so that each head looks at a few places from the
    start. A small model has few steps to make them so large: with 0.02 it stayed 14 points behind
    after three passes over `shapes` (docs/transfer.md).

    Keeps what `Attention` keeps.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, appendix D.4 ("relative"; there the bias
    depends on the query too); a number for each offset: Raffel et al. 2020, arXiv:1910.10683,
    section 2.1; in two dimensions: Liu et al. 2021, arXiv:2103.14030, eq. 4; with a class token:
    Bao et al. 2022, arXiv:2106.08254, in its code.
    """

    rows: int = 1
    columns: int = 1
    prefix_tokens: int = 0

    @property
    def offsets(self):
        """How many offsets there are."""
        return (2 * self.rows - 1) * (2 * self.columns - 1) + 3 * self.prefix_tokens

    def init(self, rng):
        """qkv and proj as in `Attention`; bias (heads, offsets), normal with deviation 2."""
        return {**super().init(rng), "bias": normal(rng, self.heads, self.offsets, std=2.0)}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        xp, cache = array_module(x), {}
        qkv, cache["qkv"] = self.qkv.forward(params["qkv"], x)  # (B, T, 3D)
        q, k, v = self.split_qkv(qkv)  # (B, heads, T, K) each
        s = self.scores(k, q)  # (T keys, B, heads, T queries)
        index, _ = self.tables(xp)
        s += params["bias"][:, index].transpose(1, 0, 2)[:, None]  # (T keys, 1, heads, T queries)
        p = softmax(s)
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
        ds = xp.multiply(p, dp, out=dp)  # divided by sqrt(K): see `Attention`
        grads["bias"] = self.bias_gradient(ds)
        xp.matmul(by_head(ds), q, out=dk)
        xp.matmul(by_head(ds).swapaxes(-1, -2), k, out=dq)
        dx, grads["qkv"] = self.qkv.backward(dqkv, cache.pop("qkv"))
        return dx, grads

    def bias_gradient(self, ds):
        """ds / sqrt(K), (T keys, B, heads, T queries) -> dbias (heads, offsets).

        Each offset gathers its pairs, with zeros where it has fewer than others: sums in a fixed
        order, also on a GPU.
        """
        xp = array_module(ds)
        _, pairs = self.tables(xp)
        sums = ds.sum(axis=1).transpose(1, 0, 2).reshape(self.heads, -1)  # (heads, T keys * T)
        padded = xp.concatenate([sums, xp.zeros((self.heads, 1), dtype=ds.dtype)], axis=1)
        return padded[:, pairs].sum(axis=2) * math.sqrt(self.dim // self.heads)

    def tables(self, xp):
        """`offset_tables` of this grid, on the device."""
        return _on_device(self.rows, self.columns, self.prefix_tokens, xp)


@dataclass(frozen=True)
class RelativeBlock(TransformerBlock):
    """A `TransformerBlock` whose attention is `RelativeAttention`: all else is the same.

    rows, columns: of the grid of patches; prefix_tokens: tokens before them.
    """

    rows: int = 1
    columns: int = 1
    prefix_tokens: int = 0

    def __post_init__(self):
        super().__post_init__()
        grid = {"rows": self.rows, "columns": self.columns, "prefix_tokens": self.prefix_tokens}
        object.__setattr__(self, "attn", RelativeAttention(self.dim, self.heads, **grid))


def offset_tables(rows, columns, prefix):
    """-> index (T keys, T queries): the number of each pair's offset; pairs (offsets, most).

    Row o of `pairs` has the places of offset o in the flat `index`, and then T * T, for none.
    prefix: 0 or 1, a class token, which has the last three offsets: as query, as key, with itself.
    """
    row, column = np.divmod(np.arange(rows * columns), columns)
    down = row[None, :] - row[:, None] + rows - 1  # query minus key, from 0 on
    right = column[None, :] - column[:, None] + columns - 1
    patches = down * (2 * columns - 1) + right
    count = (2 * rows - 1) * (2 * columns - 1)
    index = np.pad(patches, ((prefix, 0), (prefix, 0)))
    if prefix:
        index[:, 0], index[0, :], index[0, 0] = count, count + 1, count + 2
        count += 3
    flat = index.ravel()
    order, sizes = np.argsort(flat, kind="stable"), np.bincount(flat, minlength=count)
    pairs = np.full((count, sizes.max()), flat.size)
    starts = np.cumsum(sizes) - sizes
    for offset, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        pairs[offset, :size] = order[start : start + size]
    return index, pairs


@lru_cache(maxsize=16)
def _on_device(rows, columns, prefix, xp):
    return tuple(to_device(table, xp) for table in offset_tables(rows, columns, prefix))
