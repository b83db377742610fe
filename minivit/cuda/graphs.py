"""Steps that are recorded once and then repeated by the GPU itself, as CUDA graphs.

The step of a small model is hundreds of kernels of a few microseconds each, and to start one takes
Python longer than the GPU needs for it. While a step is recorded nothing runs: CUDA notes each
kernel with the addresses and the numbers that it is given. After that one call repeats all of them,
with the same addresses and numbers. So

- what differs from step to step (images, targets, what is random) is copied, before a repetition,
  to arrays that stay where they are;
- what depends on the learning rate, a number, is not recorded;
- temporary arrays must not be given to others afterwards: a recording has a pool of its own.

MINIVIT_RECORD=0 in the environment starts kernel by kernel.
"""

import gc
import os
import warnings
from contextlib import contextmanager, suppress

from ..errors import BackendError
from . import cublas

OUT_OF_MEMORY = 2  # CUDA's number
REFUSED = "a step cannot be recorded, and runs kernel by kernel"


def wanted(xp):
    """Whether steps on arrays of the module `xp` are recorded: on CuPy, unless told otherwise."""
    return xp.__name__ == "cupy" and os.environ.get("MINIVIT_RECORD", "1") not in ("", "0")


class Repeated:
    """A function without arguments: called first, recorded then, from there on repeated.

    The first call compiles its kernels. A repetition writes to the arrays that the function
    returned when it was recorded. Where it cannot be recorded, a warning says so.
    """

    def __init__(self, function, xp):
        self.function, self.xp, self.calls, self.recording = function, xp, 0, None

    def __call__(self):
        """What the function returns."""
        self.calls += 1
        if self.calls == 2 and wanted(self.xp):
            try:
                self.recording = Recording(self.function, self.xp)
            except Exception as error:  # of CUDA, cuBLAS or CuPy: the run does not need it
                reason = (str(error) or type(error).__name__).splitlines()[0]
                warnings.warn(f"{REFUSED}: {reason}", stacklevel=1)  # one place: said once
        if self.recording is None:
            return self.function()
        self.recording.repeat()
        return self.recording.results


class Recording:
    """What a function starts on the GPU, and what it returned, `results`.

    Raises what CUDA, cuBLAS or CuPy raise where it cannot be recorded.
    """

    def __init__(self, function, xp):
        self.results = self.graph = None
        self.device, self.pool = xp.cuda.Device(), xp.cuda.MemoryPool(allocator(xp))
        self.pool.set_limit(size=0)  # at a limit too, CuPy would do what `allocator` avoids
        self.workspace = xp.empty(cublas.WORKSPACE, dtype="uint8")
        xp.get_default_memory_pool().free_all_blocks()  # what the first call needed
        stream = xp.cuda.Stream(non_blocking=True)
        with (
            without_collection(),
            cublas.direct(stream, self.workspace),
            stream,
            xp.cuda.using_allocator(self.pool.malloc),
        ):
            stream.begin_capture()
            try:
                self.results = function()
            except BaseException:
                with suppress(Exception):  # of what went wrong, the first error says most
                    stream.end_capture()
                raise
            self.graph = stream.end_capture()

    def repeat(self):
        """Run it once more."""
        self.graph.launch()

    def __del__(self):
        """Give the memory back, which CuPy's pools do not do when they are forgotten."""
        with suppress(Exception):  # when Python ends, CuPy may have gone before
            self.results = self.graph = None
            with self.device:  # a pool has its own memory on each
                self.pool.free_all_blocks()


def allocator(xp):
    """How the pool of a recording gets memory: as others, but it does not try again.

    CuPy would give back blocks that are free, and try again. They are free only in its books: the
    kernels that were recorded use them.
    """

    def allocate(size):
        try:
            return xp.cuda.MemoryPointer(xp.cuda.Memory(size), 0)
        except xp.cuda.runtime.CUDARuntimeError as error:
            if error.status != OUT_OF_MEMORY:
                raise
            raise BackendError(f"no memory on the GPU for it ({error})") from None

    return allocate


@contextmanager
def without_collection():
    """Inside, Python looks for no garbage, as some, such as a graph, may not go meanwhile."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
