"""The kernels of the .cu files: compiled when they are first used, and started.

Nothing here imports CuPy at the top: minivit runs without it. CuPy keeps what it compiled in a
cache on disk (~/.cupy), so only the first run on a machine waits for the compiler, a few seconds.
"""

import functools
from pathlib import Path

TYPES = {"float32": "float", "float64": "double"}  # NumPy's names and C++'s
HERE = Path(__file__).parent
BLOCKS = 16  # of 128 threads that a multiprocessor is given, of kernels that only move numbers


def source(file):
    """The text of the kernels of `file`, a name without ".cu", with what all kernels share."""
    return "\n".join((HERE / f"{name}.cu").read_text() for name in ("common", file))


@functools.cache
def kernel(file, name, dtype, *options):
    """The compiled kernel `name` of `file` for arrays of `dtype` and these template arguments."""
    import cupy

    wanted = expression(name, dtype, *options)
    options = ("-std=c++17",)
    module = cupy.RawModule(code=source(file), options=options, name_expressions=(wanted,))
    return module.get_function(wanted)


def expression(name, dtype, *options):
    """The kernel as C++ names it, such as "gelu_forward<float, false>"."""
    arguments = [TYPES[dtype], *(str(option).lower() for option in options)]
    return f"{name}<{', '.join(arguments)}>"


def address(x):
    """Where the array `x` lies in the GPU's memory, an integer."""
    return x.data.ptr


def pointer(x):
    """An array that a kernel may do without, as its argument: 0 is C++'s null pointer."""
    return 0 if x is None else x


@functools.cache
def attribute(name):
    """A number that the GPU says of itself, such as "MultiProcessorCount"."""
    import cupy

    return cupy.cuda.Device().attributes[name]


def blocks_for(rows, columns):
    """The grid of a kernel whose threads have one column each, 128 a block, and many rows.

    (blocks side by side, blocks that share the rows): enough to keep the GPU busy, and few
    enough that what each block returns is little.
    """
    wide = -(-columns // 128)
    return wide, max(1, min(rows, BLOCKS * attribute("MultiProcessorCount") // wide))
