"""A step that is recorded once and then repeated by the GPU itself, as a CUDA graph.

The step of a small model is hundreds of kernels of a few microseconds each, and to start one takes
Python longer than the GPU needs for it. Of a recorded step the GPU knows all kernels and their
arguments, and is told once to run them.

Recorded is what a micro-batch goes through, forward and backward. Gradient sums and optimizer are
not: they have numbers, as the learning rate, that are others in each step. While a step is recorded
nothing runs, so nothing may be copied from the host, and no memory may be used by anyone else
later: it has a pool of its own.

    cublas.py    the matrix products of such a step
    draws.py     what is random in it: drawn on the host before each repetition
"""

import gc
import os
import warnings

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
from . import cublas
from .block import FusedBlock
from .convolution import FusedConvolution
from .draws import Drawn, DrawnKey
from .layernorm import FusedLayerNorm
from .linear import FusedLinear

# Layers that copy nothing from the host in training, and whose products are those of products.py.
LAYERS = (
    *(ClassPool, ClassToken, Gelu, MeanPool, OverlappingPatches, Patchify, PositionEmbedding),
    *(FusedConvolution, FusedLayerNorm, FusedLinear),
)
MOST = 4  # kinds of micro-batches of a run; each has memory of its own


class Recorded:
    """`micro_step`, a function of (model, images, targets, key, share), repeated where it can be.

    The first call for arrays of some shape runs kernel by kernel, which compiles these; the second
    is recorded. Models other than `model`, as that of the early steps, run kernel by kernel.
    """

    def __init__(self, micro_step, model, objective):
        self.micro_step, self.steps = micro_step, {}
        self.model = model if can_be_recorded(model, objective) else None

    def __call__(self, model, images, targets, key, share):
        """What `micro_step` returns; gradients of a whole batch are overwritten by the next."""
        how = images.shape, targets.shape, targets.dtype.name, share
        if model is self.model and how in self.steps:
            step = self.steps[how] or self.record(how, images, targets, share)
            if step:
                return step(images, targets, key)
        elif model is self.model and len(self.steps) < MOST:
            self.steps[how] = None  # the next one is recorded
        return self.micro_step(model, images, targets, key, share)

    def record(self, how, images, targets, share):
        """Record a step -> a `Step`; None, and a warning, where CUDA refuses."""
        try:
            self.steps[how] = Step(self.micro_step, self.model, images, targets, share)
        except Exception as error:  # of CUDA, cuBLAS or CuPy: the run does not need it
            self.model = None
            reason = (str(error) or type(error).__name__).splitlines()[0]
            said = f"a step cannot be recorded, and runs kernel by kernel: {reason}"
            warnings.warn(said, stacklevel=2)
        return self.steps[how]


class Step:
    """One recorded call of `micro_step`."""

    def __init__(self, micro_step, model, images, targets, share):
        xp = array_module(images)
        self.images, self.targets, self.whole = images.copy(), targets.copy(), share == 1
        rows = xp.empty((2 * model.config.depth, len(images)), dtype="float32")
        self.drawn = Drawn(rows)
        self.repeat, (self.gradients, self.sums) = record(
            lambda: micro_step(model, self.images, self.targets, DrawnKey(self.drawn), share), xp
        )

    def __call__(self, images, targets, key):
        self.images[...] = images
        self.targets[...] = targets
        self.drawn.fill(key)
        self.repeat()
        # of several micro-batches, the tree of sums holds some while the next are computed
        gradients = self.gradients if self.whole else copied(self.gradients)
        return gradients, copied(self.sums)


def copied(arrays):
    """A copy of a tree of arrays."""
    return tree.map(lambda array: array.copy(), arrays)


def record(function, xp):
    """Record what `function` starts on the GPU -> (a function that repeats it, what it returned).

    The arrays that it returned are written anew by each repetition.
    """
    pool, stream = xp.cuda.MemoryPool(), xp.cuda.Stream(non_blocking=True)
    workspace = xp.empty(cublas.WORKSPACE, dtype="uint8")
    xp.cuda.get_current_stream().synchronize()  # what was written so far, another stream may read
    collecting = gc.isenabled()
    gc.disable()  # what is freed meanwhile could be memory, which CUDA does not allow
    try:
        with cublas.direct(stream, workspace), stream, xp.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            try:
                results = function()
            finally:
                graph = stream.end_capture()
    finally:
        if collecting:
            gc.enable()

    def repeat(_keep=(pool, workspace)):
        graph.launch()

    return repeat, results


def wanted(xp):
    """Whether steps on arrays of the module `xp` are recorded: on CuPy, unless told otherwise."""
    return xp.__name__ == "cupy" and os.environ.get("MINIVIT_RECORD", "1") not in ("", "0")


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
