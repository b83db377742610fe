"""The same layers, optimizers and sums as kernels of their own: what a GPU runs in training.

    fast.py            a model with its parts replaced by those of this room
    block.py           a transformer block
    attention.py, layernorm.py, gelu.py, linear.py, sums.py       its parts
    convolution.py, positions.py      the convolutions of a stem; interpolated positions
    products.py        matrix products
    update.py          optimizers, clipping and the weights' running mean
    graphs.py, recorded.py      what the GPU repeats by itself; cublas.py, draws.py: what it needs
    gradient_sums.py   all gradients into one flat vector
    kernels.py         compiles the CUDA code of the .cu files: attention.cu, gelu.cu, ...

The layers have the same three doors as those of `minivit.layers`, the same names and the same
results, up to rounding. The plain layers run on a GPU too, but each of their operations reads and
writes whole arrays in the GPU's memory, which takes most of the time. Here what lies between two
matrix products is one kernel. The environment variable MINIVIT_PLAIN=1 brings the plain layers
back, MINIVIT_RECORD=0 starts kernel by kernel.

Nothing here imports CuPy before a kernel is needed.
"""

from .fast import fast, fast_vit, wanted

__all__ = ["fast", "fast_vit", "wanted"]
