"""Attention on a GPU: from the product qkv to the heads' outputs in one kernel, and back."""

from dataclasses import dataclass

from ..arrays.backend import array_module
from ..layers import Attention
from . import kernels
from .products import product, product_gradients
from .sums import column_sums

MOST_THREADS = 512


class Nothing:
    """A layer that does nothing, in the place of `proj`."""

    def forward(self, params, x, key=None):
        return x, None

    def backward(self, dy, cache):
        return dy, {}


@dataclass(frozen=True)
class FusedHeads(Attention):
    """`minivit.layers.Attention` without its last product, `proj`: y is o.

    A block of threads has all of an image's head in its shared memory: no T x T array is written
    to the GPU's memory, and no q, k or v is copied. Where the tokens are too many for that, or K is
    not a multiple of 4, the plain layer computes the same.

    Keeps x, q, k, v and o, 5D + heads numbers a token: p is computed again from the logarithm of
    each query's sum.
    """

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "proj", Nothing())

    def init(self, rng):
        """qkv only; see `Attention`."""
        return {"qkv": self.qkv.init(rng)}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> o (B, T, D), cache."""
        xp, (b, t, _) = array_module(x), x.shape
        if not self.fits(t, x.dtype):
            return super().forward({"proj": {}, **params}, x)
        w, bias = params["qkv"]["w"], params["qkv"]["b"]
        qkv, o = product(x, w), xp.empty_like(x)
        lse = xp.empty(b * self.heads * t, dtype=x.dtype)
        self._launch("attention_forward", x, (qkv, bias, o, lse))
        return o, {"fused": (x, w, qkv, bias, o, lse)}

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), grads."""
        if "fused" not in cache:
            dx, grads = super().backward(dy, cache)
            return dx, {"qkv": grads["qkv"]}
        x, w, qkv, bias, o, lse = cache.pop("fused")
        dqkv, do = array_module(x).empty_like(qkv), array_module(x).ascontiguousarray(dy)
        self._launch("attention_backward", x, (qkv, bias, o, lse, do, dqkv))
        dx, dw = product_gradients(dqkv, x, w)
        return dx, {"qkv": {"w": dw, "b": column_sums(dqkv)}}

    def fits(self, tokens, dtype):
        """Whether the shared memory of a block holds a head of so many tokens."""
        k = self.dim // self.heads
        return k % 4 == 0 and self._shared_bytes("attention_backward", tokens, dtype) <= (
            kernels.attribute("MaxSharedMemoryPerBlockOptin")
        )

    def _shared_bytes(self, name, tokens, dtype):
        """What the kernel takes of it: see attention.cu."""
        rows = -(-tokens // 4) * 4
        scores = rows if rows % 8 == 4 else rows + 4
        arrays, vectors = (3, 0) if name == "attention_forward" else (4, 2)
        numbers = rows * (arrays * (self.dim // self.heads + 4) + scores + vectors)
        return numbers * dtype.itemsize

    def _launch(self, name, x, arguments):
        """Start a kernel for all images and heads of x."""
        (b, t, _), k = x.shape, self.dim // self.heads
        compute = kernels.kernel("attention", name, x.dtype.name, t, k)
        shared = self._shared_bytes(name, t, x.dtype)
        if shared > 48 << 10:  # what a kernel may have without asking
            compute.max_dynamic_shared_size_bytes = shared
        side = -(-t // 4)
        tiles = side * max(side, k // 4)  # of 4 x 4 numbers, one for a thread at a time
        rounds = -(-tiles // MOST_THREADS)
        threads = -(-tiles // rounds // 32) * 32
        grid = (b * self.heads,)
        compute(grid, (threads,), (*arguments, self.heads, self.scale), shared_mem=shared)
