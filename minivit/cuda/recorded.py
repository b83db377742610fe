"""Steps that are recorded once and then repeated by the GPU itself, as CUDA graphs.

The step of a small model is hundreds of kernels of a few microseconds each, and to start one takes
Python longer than the GPU needs for it. Of a recorded function the GPU knows all kernels and their
arguments, and is told once to run them.

While a function is recorded nothing runs, so nothing may be copied from the host, and its memory
may be used by nobody else later: it has a pool of its own. Arguments stay as they were. So all that
differs from step to step lies in arrays which are filled before: images, targets, what is random.
What depends on the learning rate is not recorded.

    cublas.py    matrix products in a recorded function
    draws.py     random numbers
"""

import gc
import os
import warnings
from contextlib import suppress

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
from .draws import Drawn, DrawnKey, DrawnPatchDropout, bytes_for
from .layernorm import FusedLayerNorm
from .linear import FusedLinear
from .positions import FusedResampledPositions

# Layers that copy nothing from the host in training, and whose products are those of products.py.
LAYERS = (
    *(ClassPool, ClassToken, Gelu, MeanPool, OverlappingPatches, Patchify, PositionEmbedding),
    *(FusedConvolution, FusedLayerNorm, FusedLinear, FusedResampledPositions, DrawnPatchDropout),
)
MOST = 4  # kinds of micro-batches of a run; each has memory of its own


def wanted(xp):
    """Whether steps on arrays of the module `xp` are recorded: on CuPy, unless told otherwise."""
    return xp.__name__ == "cupy" and os.environ.get("MINIVIT_RECORD", "1") not in ("", "0")


class Repeated:
    """A function without arguments: called first, recorded then, from there on repeated.

    The first call compiles its kernels. A repetition writes to the arrays that the function
    returned when it was recorded. Where CUDA refuses to record it, a warning says so.
    """

    def __init__(self, function, xp):
        self.function, self.xp, self.calls = function, xp, 0
        self.repeat, self.results, self.pool = None, None, None

    def __call__(self):
        """What the function returns."""
        self.calls += 1
        if self.calls == 2 and wanted(self.xp):
            try:
                self.repeat, self.results, self.pool = record(self.function, self.xp)
            except Exception as error:  # of CUDA, cuBLAS or CuPy: the run does not need it
                reason = (str(error) or type(error).__name__).splitlines()[0]
                said = f"a step cannot be recorded, and runs kernel by kernel: {reason}"
                warnings.warn(said, stacklevel=2)
        if self.repeat is None:
            return self.function()
        self.repeat()
        return self.results

    def __del__(self):
        """Give the memory back, which CuPy's pools do not do when they are forgotten."""
        self.results = self.repeat = None
        if self.pool:
            with suppress(Exception):  # when Python ends, CuPy may have gone before
                self.pool.free_all_blocks()


def record(function, xp):
    """Record what `function` starts on the GPU -> a function that repeats it, its results, its
    memory."""
    pool, stream = xp.cuda.MemoryPool(), xp.cuda.Stream(non_blocking=True)
    workspace = xp.empty(cublas.WORKSPACE, dtype="uint8")
    xp.cuda.get_current_stream().synchronize()  # what was written so far, another stream may read
    xp.get_default_memory_pool().free_all_blocks()  # what the first call needed
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

    return repeat, results, pool


class RecordedSteps:
    """`micro_step`, a function of (model, images, targets, key, share), repeated where it can be.

    One of each kind of micro-batch is recorded, of those of `models` that can be.
    """

    def __init__(self, micro_step, models, objective):
        self.micro_step, self.steps = micro_step, {}
        self.models = [model for model in models if can_be_recorded(model, objective)]

    def __call__(self, model, images, targets, key, share):
        """What `micro_step` returns; gradients of a whole batch are overwritten by the next."""
        how = id(model), images.shape, targets.shape, targets.dtype.name, share
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
