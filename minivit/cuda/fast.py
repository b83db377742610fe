"""The fast form of a model."""

import os
from dataclasses import fields

from ..config import Config
from ..convolution import Chain, Convolution
from ..layers import (
    Gelu,
    GeluErf,
    LayerNorm,
    Linear,
    PatchDropout,
    ResampledPositions,
    TransformerBlock,
)
from ..vit import ViT
from .attention import FusedHeads
from .block import FusedBlock
from .convolution import FusedConvolution
from .draws import DrawnPatchDropout
from .layernorm import WIDEST, FusedLayerNorm
from .linear import FusedLinear
from .positions import FusedResampledPositions

GELUS = (Gelu, GeluErf)
SAME_FIELDS = {
    Convolution: FusedConvolution,
    Linear: FusedLinear,
    PatchDropout: DrawnPatchDropout,
    ResampledPositions: FusedResampledPositions,
}
KINDS = (FusedBlock, FusedConvolution, FusedHeads, FusedLayerNorm, FusedLinear)


def wanted(xp, config=None):
    """Whether this room is for arrays of the module `xp`, and for a model of this config.

    Only for CuPy, unless MINIVIT_PLAIN is set, and for a ViT that classifies.
    """
    plain = os.environ.get("MINIVIT_PLAIN", "") not in ("", "0")
    return xp.__name__ == "cupy" and not plain and (config is None or type(config) is Config)


class FusedParts(dict):
    """Layers by name, each put in in its fused form, where it has one."""

    def __setitem__(self, name, layer):
        super().__setitem__(name, fused_layer(layer))


def fast(model):
    """The ViT `model` with fused layers: for arrays of CuPy, of float32 or float64.

    Parameters, gradients and caches keep their names. A layer without a fused form stays itself.
    """
    fused = ViT(model.config)
    fused.parts = FusedParts()
    for name, part in model.parts.items():
        fused.parts[name] = part
    return fused


def fast_vit(config):
    """The fast form of ViT(config)."""
    return fast(ViT(config))


def fused_layer(layer):
    """The fused form of a layer, or the layer itself."""
    if type(layer) is Chain:
        return Chain(tuple((name, fused_layer(part)) for name, part in layer.layers))
    if type(layer) in SAME_FIELDS:
        values = {field.name: getattr(layer, field.name) for field in fields(layer)}
        return SAME_FIELDS[type(layer)](**values)
    if type(layer) is LayerNorm and layer.dim <= WIDEST:
        return FusedLayerNorm(layer.dim, layer.eps)
    if type(layer) is TransformerBlock and layer.dim <= WIDEST and isinstance(layer.gelu, GELUS):
        sizes = (layer.dim, layer.heads, layer.hidden)
        return FusedBlock(*sizes, layer.dropout, layer.gelu, layer.drop_path, layer.norm_eps)
    return layer
