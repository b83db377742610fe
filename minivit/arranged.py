"""Prediction in fewer passes over memory: the numbers of a trained model, arranged anew.

Between its matrix products a block goes over arrays, and in a small model that takes as long as the
products. When nothing is to be learned, much of it can be done to the weights instead, once:

    gamma, beta of a norm    to the Linear after it, as
                             (gamma * xhat + beta) @ w + b = xhat @ (gamma w) + (beta @ w + b)
    1 / sqrt(K)              to the columns of w that make q
    the bias of k            left out: it changes all scores of a query alike, see `Attention`
    the bias of v            to that of proj, as the weights of a query sum to 1
    the half in GELU's gate  to w of fc2

Two steps of softmax shrink as well. It divides after the product with v, which has fewer numbers.
And it subtracts the largest score of each query only if without that a sum of exp is too large or
too small to be exact, which is rare.

The plain form is `TransformerBlock.forward`; the result is the same up to rounding. There is no
cache, so no backward. How much faster it is: docs/performance.md.
"""

from typing import NamedTuple

import numpy as np

from .arrays import tree
from .arrays.doors import difference
from .layers.attention import by_head
from .layers.block import TransformerBlock
from .layers.gelu import Gelu, inner
from .layers.pieces import pieces
from .layers.sums import feature_mean
from .vit import ViT

SMALL = 1e-20  # far from the smallest float32, as its reciprocal is from the largest
WIDEST = 384  # a wider model spends too little time between its products


class Weights(NamedTuple):
    """The arrays of a block: of four products, and the biases that are left."""

    qkv: np.ndarray  # (D, 3D), behind norm1, its part for q scaled
    q_bias: np.ndarray  # (D,), scaled
    proj: np.ndarray  # (D, D)
    proj_bias: np.ndarray  # (D,)
    fc1: np.ndarray  # (D, M), behind norm2
    fc1_bias: np.ndarray  # (M,)
    fc2: np.ndarray  # (M, D), halved
    fc2_bias: np.ndarray  # (D,)


class Kept:
    """A model's parameters arranged once, for many calls: as long as nobody can have changed them.

    That is taken to be so if they are the same arrays as in the last call, and read-only. Not
    noticed is who makes one writable, writes and locks it again between two calls, or writes on
    the memory of which it is a read-only view.
    """

    def __init__(self):
        self.last = {}, None  # the leaves by name, and what was arranged from them

    def __reduce__(self):
        """A copy, or what is unpickled, begins anew."""
        return Kept, ()

    def of(self, model, params):
        """-> `arranged` of them; None where it does not pay, or they may change or do not fit.

        Where it is None the caller takes the plain form. No lock: a process may be forked at any
        moment. Two threads may both arrange, alike.
        """
        if not pays(model) or not isinstance(params, dict):
            return None
        now = dict(tree.walk(params))
        if not all(isinstance(x, np.ndarray) and not x.flags.writeable for x in now.values()):
            self.last = {}, None
            return None
        before, made = self.last
        if now.keys() != before.keys() or any(now[name] is not before[name] for name in now):
            fits = params.keys() <= model.parts.keys() and not difference(params, model.init(None))
            made = arranged(model, params) if fits else None
            self.last = now, made
        return made


def pays(model):
    """Whether predictions of the model are faster so."""
    return type(model) is ViT and model.config.dim <= WIDEST


def arranged(model, params):
    """The parameters with `Weights` in the place of every transformer block's."""
    with np.errstate(over="ignore", invalid="ignore"):  # the logits show it
        return {
            name: weights(model.parts[name], leaves) if is_block(model.parts[name]) else leaves
            for name, leaves in params.items()
        }


def outputs(model, params, images):
    """images (B, H, W, C) -> logits (B, classes). params: from `arranged`."""
    x = images
    for name, part in model.parts.items():
        own = params.get(model.owner(name), {})
        x = forward(part, own, x) if is_block(part) else part.forward(own, x)[0]
    return x


def is_block(part):
    """Whether a part is such a block; one with relative positions has scores of its own."""
    return type(part) is TransformerBlock and type(part.mlp.gelu) is Gelu


def weights(block, params):
    """The `Weights` of a block."""
    d, attn, mlp = block.dim, params["attn"], params["mlp"]
    qkv, bias = behind_norm(params["norm1"], attn["qkv"])
    qkv[:, :d] *= block.attn.scale
    proj, fc2 = attn["proj"], mlp["fc2"]
    proj_bias = bias[2 * d :] @ proj["w"] + proj["b"]
    fc1 = behind_norm(params["norm2"], mlp["fc1"])
    q_bias = bias[:d] * block.attn.scale
    return Weights(qkv, q_bias, proj["w"], proj_bias, *fc1, 0.5 * fc2["w"], fc2["b"])


def behind_norm(norm, linear):
    """w and b of a Linear that gets xhat in the place of gamma * xhat + beta."""
    return norm["gamma"][:, None] * linear["w"], norm["beta"] @ linear["w"] + linear["b"]


def forward(block, w, x):
    """x (B, T, D) -> y (B, T, D). w: its `Weights`."""
    rows = x.reshape(-1, block.dim)
    h = attention(block.attn, w, normalised(rows, block.norm_eps), x.shape) @ w.proj
    h += w.proj_bias
    h += rows
    m = normalised(h, block.norm_eps) @ w.fc1
    m += w.fc1_bias
    y = twice_gelu(m) @ w.fc2
    y += w.fc2_bias
    y += h
    return y.reshape(x.shape)


def normalised(x, eps):
    """xhat of `LayerNorm`."""
    xhat = x - feature_mean(x)
    var = np.einsum("td,td->t", xhat, xhat) / x.shape[-1]
    xhat *= (1.0 / np.sqrt(var + eps))[:, None]
    return xhat


def attention(attn, w, xhat, shape):
    """xhat (B T, D) -> o (B T, D), all heads side by side."""
    b, t, d = shape
    q, k, v = attn.split_qkv((xhat @ w.qkv).reshape(b, t, 3 * d))  # (B, heads, T, K) each
    q = np.add(q.swapaxes(-1, -2), w.q_bias.reshape(attn.heads, -1, 1), order="C")
    s = np.empty((t, b, attn.heads, t), xhat.dtype)  # (T keys, B, heads, T queries)
    sums = exponentials(k, q, s)
    if not (sums.min() > SMALL and sums.max() < 1 / SMALL):  # also where one is no number
        sums = exponentials(k, q, s, shifted=True)
    o = np.empty(shape, xhat.dtype)
    np.matmul(by_head(s).swapaxes(-1, -2), v, out=attn.split_heads(o))
    o.reshape(b, t, attn.heads, -1)[...] *= (1.0 / sums).transpose(0, 2, 1)[..., None]
    return o.reshape(-1, d)


def exponentials(k, q, s, shifted=False):
    """Write exp of all scores to s -> their sums over the keys, (B, heads, T queries).

    shifted: the largest score of a query is subtracted from all of them.
    """
    np.matmul(k, q, out=by_head(s))
    if shifted:
        s -= s.max(axis=0)
    with np.errstate(over="ignore"):  # then the sum is infinite, which the caller sees
        np.exp(s, out=s)
    return s.sum(axis=0)


def twice_gelu(x):
    """2 x s = x (1 + tanh(u)), with s and u of `Gelu`; written over x."""
    for (piece,) in pieces(x):
        u = inner(piece, np.empty_like(piece))
        tanh_u = np.tanh(u, out=u)
        tanh_u += 1.0
        piece *= tanh_u
    return x
