"""The fast form of a model."""

import os

from ..config import Config
from ..layers import Gelu, GeluErf, LayerNorm, Linear, TransformerBlock
from ..vit import ViT
from .attention import FusedHeads
from .block import FusedBlock
from .layernorm import WIDEST, FusedLayerNorm
from .linear import FusedLinear

GELUS = (Gelu, GeluErf)
KINDS = (FusedBlock, FusedHeads, FusedLayerNorm, FusedLinear)


def wanted(xp, config=None):
    """Whether this room is for arrays of the module `xp`: only for CuPy, unless MINIVIT_PLAIN is
    set. A model with a stem or ReLU, or of another kind
    than a classifying ViT, is for the plain layers."""
    other = config is not None and (type(config) is not Config or not has_kernels(config))
    plain = os.environ.get("MINIVIT_PLAIN", "") not in ("", "0")
    return xp.__name__ == "cupy" and not plain and not other


def has_kernels(config):
    """Whether there are kernels for what a model of this Config computes."""
    return config.stem == "none" and config.gelu != "relu"


def fast(model):
    """The ViT `model` with fused layers: for arrays of CuPy, of float32 or float64.

    Parameters, gradients and caches keep their names. A layer without a fused form stays itself,
    and so does a model with a stem or with ReLU, for which there are no kernels.
    """
    if not has_kernels(model.config):
        return model
    fused = ViT(model.config)
    fused.parts = {name: fused_layer(part) for name, part in model.parts.items()}
    return fused


def fast_vit(config):
    """The fast form of ViT(config)."""
    return fast(ViT(config))


def fused_layer(layer):
    """The fused form of a layer, or the layer itself."""
    if type(layer) is Linear:
        return FusedLinear(layer.d_in, layer.d_out, layer.blocks, layer.zero)
    if type(layer) is LayerNorm and layer.dim <= WIDEST:
        return FusedLayerNorm(layer.dim, layer.eps)
    if type(layer) is TransformerBlock and layer.dim <= WIDEST and isinstance(layer.gelu, GELUS):
        sizes = (layer.dim, layer.heads, layer.hidden)
        return FusedBlock(*sizes, layer.dropout, layer.gelu, layer.drop_path, layer.norm_eps)
    return layer
