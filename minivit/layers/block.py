"""TransformerBlock: attention between the tokens, then an MLP on each token."""

from dataclasses import dataclass, field

from ..arrays.backend import array_module
from ..arrays.keys import at
from .attention import Attention
from .drop_path import DropPath
from .dropout import Dropout
from .gelu import Gelu, GeluErf
from .layernorm import LayerNorm
from .mlp import Mlp


@dataclass(frozen=True)
class TransformerBlock:
    """Add two corrections to x, each computed from normalised tokens.

        x  = x + path1(drop(attn(norm1(x))))
        y  = x + path2(mlp(norm2(x)))

        dx = dy + norm2.backward(mlp.backward(path2.backward(dy)))
        dx = dx + norm1.backward(attn.backward(drop.backward(path1.backward(dx))))

    Each line uses x twice, in the sum and in the branch, so its gradient is the sum of both ways
    back. Along the sum the gradient comes back unchanged: the norms stand at the start of the
    branches (pre-norm), none on the sum itself. So gradients reach the first block undiminished.

    `drop` is `Dropout`; path1 and path2 are `DropPath`, which in training skips a branch for an
    image with probability `drop_path`.

    Keeps what its parts keep: 8D + 2M + heads * T + 2 numbers a token (3M with GeluErf).

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 2 and 3; paths: see `DropPath`.
    """

    dim: int
    heads: int
    hidden: int
    dropout: float = 0.0
    gelu: Gelu | GeluErf = Gelu()
    drop_path: float = 0.0
    norm_eps: float = 1e-6
    norm1: LayerNorm = field(init=False)
    attn: Attention = field(init=False)
    norm2: LayerNorm = field(init=False)
    mlp: Mlp = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "norm1", LayerNorm(self.dim, self.norm_eps))
        object.__setattr__(self, "attn", Attention(self.dim, self.heads))
        object.__setattr__(self, "norm2", LayerNorm(self.dim, self.norm_eps))
        object.__setattr__(self, "mlp", Mlp(self.dim, self.hidden, self.dropout, self.gelu))

    def init(self, rng):
        """The parameters of norm1, attn, norm2 and mlp, by these names."""
        parts = ("norm1", "attn", "norm2", "mlp")
        return {name: getattr(self, name).init(rng) for name in parts}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        xp, cache = array_module(x), {}
        drop, path = Dropout(self.dropout), DropPath(self.drop_path)
        h, cache["norm1"] = self.norm1.forward(params["norm1"], x)
        h, cache["attn"] = self.attn.forward(params["attn"], h)
        h, cache["drop"] = drop.forward({}, h, at(key, "drop"))
        h, cache["path1"] = path.forward({}, h, at(key, "path1"))
        x = xp.add(x, h, out=h)  # in h's memory: no cache keeps h
        h, cache["norm2"] = self.norm2.forward(params["norm2"], x)
        h, cache["mlp"] = self.mlp.forward(params["mlp"], h, at(key, "mlp"))
        h, cache["path2"] = path.forward({}, h, at(key, "path2"))
        y = xp.add(x, h, out=h)
        return y, cache

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), grads."""
        xp, grads = array_module(dy), {}
        drop, path = Dropout(self.dropout), DropPath(self.drop_path)
        dh, _ = path.backward(dy, cache.pop("path2"))
        dh, grads["mlp"] = self.mlp.backward(dh, cache.pop("mlp"))
        dh, grads["norm2"] = self.norm2.backward(dh, cache.pop("norm2"))
        dx = xp.add(dy, dh, out=dh)
        dh, _ = path.backward(dx, cache.pop("path1"))
        dh, _ = drop.backward(dh, cache.pop("drop"))
        dh, grads["attn"] = self.attn.backward(dh, cache.pop("attn"))
        dh, grads["norm1"] = self.norm1.backward(dh, cache.pop("norm1"))
        dx = xp.add(dx, dh, out=dh)
        return dx, grads
