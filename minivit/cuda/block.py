"""A transformer block on a GPU: five kernels and four products forward."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module
from ..arrays.keys import at
from ..layers import GeluErf, TransformerBlock
from . import kernels
from .attention import FusedHeads
from .draws import keep_factors
from .gelu import bias_gelu, bias_gelu_backward
from .layernorm import FusedLayerNorm
from .products import product, product_gradients
from .sums import column_sums


@dataclass(frozen=True)
class FusedBlock(TransformerBlock):
    """`minivit.layers.TransformerBlock`, with what lies between its products in few kernels.

    The products leave out their biases; whatever reads a product next adds its bias. In the names
    of the plain block:

        h      = norm1(x)                        one kernel
        o      = heads(h @ qkv.w)                one, adds qkv.b
        x2, h  = x + (o @ proj.w), norm2 of it   one, adds proj.b
        a      = gelu(h @ fc1.w)                 one, adds fc1.b
        y      = x2 + (a @ fc2.w)                one, adds fc2.b

    Backward is the same read upwards. Each norm's backward also adds the gradient that comes along
    the sum, and sums the result over the tokens: that is the gradient of the bias before it.

    With dropout, forward in training is the plain block's own (with fused norms).

    Keeps 8D + 2M + heads + 4 numbers a token: x, both norms' y, q, k, v, o, x2, and the MLP's
    product before GELU and after it.
    """

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "norm1", FusedLayerNorm(self.dim, self.norm_eps))
        object.__setattr__(self, "norm2", FusedLayerNorm(self.dim, self.norm_eps))

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        if self.dropout and key is not None:
            return super().forward(params, x, key)
        xp, cache = array_module(x), {}
        x = xp.ascontiguousarray(x)
        proj, fc1, fc2 = params["attn"]["proj"], params["mlp"]["fc1"], params["mlp"]["fc2"]
        keep1, keep2 = (keep_factors(self.drop_path, x, at(key, f"path{i}"), xp) for i in (1, 2))
        h, cache["norm1"] = self.norm1.forward(params["norm1"], x)
        o, cache["heads"] = self._heads.forward({"qkv": params["attn"]["qkv"]}, h)
        h = product(o, proj["w"])
        x2, h, cache["norm2"] = self.norm2.add_and_forward(params["norm2"], x, h, proj["b"], keep1)
        m = product(h, fc1["w"])
        a = bias_gelu(m, fc1["b"], self._exact)
        y = add_residual(x2, product(a, fc2["w"]), fc2["b"], keep2)
        cache["products"] = (o, proj["w"], h, fc1["w"], m, fc1["b"], a, fc2["w"])
        cache["keep"] = (keep1, keep2)
        return y, cache

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), grads."""
        if "products" not in cache:
            return super().backward(dy, cache)
        dy, grads = array_module(dy).ascontiguousarray(dy), {"attn": {}, "mlp": {}}
        o, proj_w, h, fc1_w, m, fc1_b, a, fc2_w = cache.pop("products")
        keep1, keep2 = cache.pop("keep")
        dh = dy if keep2 is None else dy * keep2[:, None, None]
        da, dw = product_gradients(dh, a, fc2_w)
        grads["mlp"]["fc2"] = {"w": dw, "b": column_sums(dh)}
        dm, db = bias_gelu_backward(da, m, fc1_b, self._exact)
        dh, dw = product_gradients(dm, h, fc1_w)
        grads["mlp"]["fc1"] = {"w": dw, "b": db}
        dx, grads["norm2"], db = self.norm2.backward_and_add(dh, cache.pop("norm2"), dy)
        dh = dx
        if keep1 is not None:
            dh = dx * keep1[:, None, None]
            db = column_sums(dh)
        do, dw = product_gradients(dh, o, proj_w)
        grads["attn"]["proj"] = {"w": dw, "b": db}
        dh, heads = self._heads.backward(do, cache.pop("heads"))
        grads["attn"]["qkv"] = heads["qkv"]
        dx, grads["norm1"], _ = self.norm1.backward_and_add(dh, cache.pop("norm1"), dx)
        return dx, grads

    def heads_fit(self, tokens):
        """Whether its attention is `FusedHeads`' own for so many tokens, of float32."""
        return self._heads.fits(tokens, np.dtype("float32"))

    @property
    def _heads(self):
        return FusedHeads(self.dim, self.heads)

    @property
    def _exact(self):
        return isinstance(self.gelu, GeluErf)


def add_residual(x, h, bias, keep=None):
    """x + (h + bias) * keep of (B, T, D), in h's memory. keep: None, or a factor for each image."""
    _, tokens, columns = x.shape
    rows = x.size // columns
    add = kernels.kernel("sums", "add_residual", x.dtype.name)
    arguments = (x, h, bias, kernels.pointer(keep), tokens, h, rows, columns)
    add(kernels.blocks_for(rows, columns), (128,), arguments)
    return h
