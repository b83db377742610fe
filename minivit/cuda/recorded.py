"""Training steps that a GPU repeats by itself: the layers, forward and backward, of a micro-batch.

`graphs.py` says how, and what the layers must be like; `draws.py` has what is random in a step.
"""

from ..arrays import tree
from ..arrays.backend import array_module
from ..convolution import Chain
from ..layers import (
    ClassPool,
    ClassToken,
    Dropout,
    Gelu,
    MeanPool,
    OverlappingPatches,
    Patchify,
    PositionEmbedding,
)
from ..objective import Classification
from .block import FusedBlock
from .convolution import FusedConvolution
from .draws import Drawn, DrawnKey, DrawnPatchDropout, bytes_for
from .graphs import Repeated
from .layernorm import FusedLayerNorm
from .linear import FusedLinear
from .positions import FusedResampledPositions

# Layers that copy nothing from the host in training, and whose products are those of products.py;
# a few more are so, and have not been tried.
LAYERS = (
    *(ClassPool, ClassToken, Gelu, MeanPool, OverlappingPatches, Patchify, PositionEmbedding),
    *(FusedConvolution, FusedLayerNorm, FusedLinear, FusedResampledPositions, DrawnPatchDropout),
)
MOST = 4  # kinds of micro-batches that are recorded; each has memory of its own


class RecordedSteps:
    """`micro_step`, a function of (model, images, targets, key, share), repeated where it can be.

    Of each kind of micro-batch a step is recorded, if its model is among `models` and can be. When
    another model's turn comes, as after the early steps, those of the one before are dropped.
    """

    def __init__(self, micro_step, models, objective):
        self.micro_step, self.steps, self.model = micro_step, {}, None
        self.models = [model for model in models if can_be_recorded(model, objective)]

    def __call__(self, model, images, targets, key, share):
        """What `micro_step` returns; gradients of a whole batch are overwritten by the next."""
        if model is not self.model:
            self.model = model
            self.steps.clear()
        how = images.shape, targets.shape, targets.dtype.name, share
        if how not in self.steps:
            if not any(model is one for one in self.models) or len(self.steps) == MOST:
                return self.micro_step(model, images, targets, key, share)
            self.steps[how] = Step(self.micro_step, model, images, targets, share)
        return self.steps[how](images, targets, key)


class Step:
    """`micro_step` for one kind of micro-batch, repeated."""

    def __init__(self, micro_step, model, images, targets, share):
        xp = array_module(images)
        self.images, self.targets, self.whole = images.copy(), targets.copy(), share == 1
        self.drawn = Drawn(xp.empty(bytes_for(len(images), model.config), dtype="uint8"))
        own = self.images, self.targets, DrawnKey(self.drawn), share
        self.repeated = Repeated(lambda: micro_step(model, *own), xp)

    def __call__(self, images, targets, key):
        self.images[...] = images
        self.targets[...] = targets
        self.drawn.fill(key)
        gradients, sums = self.repeated()
        if not self.whole:  # the tree of sums holds some while the next are computed
            gradients = copied(gradients)
        return gradients, copied(sums)


def copied(arrays):
    """A copy of a tree of arrays."""
    return tree.map(lambda array: array.copy(), arrays)


def can_be_recorded(model, objective):
    """Whether the model's layers in training are all among those that can be."""
    tokens, parts = model.config.tokens, model.parts.values()
    return type(objective) is Classification and all(repeatable(part, tokens) for part in parts)


def repeatable(layer, tokens):
    """Whether a layer, or each of a chain, can be recorded for so many tokens."""
    if isinstance(layer, Chain):
        return all(repeatable(part, tokens) for _, part in layer.layers)
    if isinstance(layer, FusedBlock):
        return layer.dropout == 0 and layer.heads_fit(tokens)
    return type(layer) in LAYERS or layer == Dropout(0.0)
