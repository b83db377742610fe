"""The kernels of minivit/cuda on NumPy arrays: compiled by g++, run by `cuda_emulator.h`.

`install(monkeypatch, directory)` lets `minivit.cuda` run on the host, so that its layers can be
compared with the plain ones on a machine without a GPU.
"""

import ctypes
import functools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from minivit.cuda import kernels

HEADER = Path(__file__).with_suffix(".h")
# Ubuntu's g++ has longjmp end a program that jumps from one stack to another, as fibers do.
UNCHECKED = ("-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0")
GPU = {"MultiProcessorCount": 2, "MaxSharedMemoryPerBlockOptin": 100 << 10}

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator needs g++")


class Emulated:
    """A kernel, called as CuPy's are: kernel(grid, block, arguments, shared_mem=0)."""

    def __init__(self, library, name):
        self.launch, self.name = ctypes.CDLL(library)[name], name
        self.max_dynamic_shared_size_bytes = 48 << 10

    def __call__(self, grid, block, arguments, shared_mem=0):
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        assert self.launch.argtypes is None and 1 <= block[0] <= 1024
        slots = np.zeros(len(arguments), np.int64)
        for i, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                assert argument.flags.c_contiguous, f"{self.name}: argument {i} has gaps"
                slots[i] = argument.ctypes.data
            elif isinstance(argument, float):
                slots[i : i + 1].view(np.float64)[0] = argument
            else:
                assert type(argument) is int, f"{self.name}: argument {i} is {argument!r}"
                slots[i] = argument
        sizes = (ctypes.c_uint * 4)(*grid, *[1] * (2 - len(grid)), *block, len(arguments))
        assert self.launch(sizes, slots.ctypes.data_as(ctypes.c_void_p)) == 0, (
            f"{self.name} takes another number of arguments than {len(arguments)}"
        )


def compiled(expressions, directory):
    """Kernels [(file, expression), ...] -> {(file, expression): Emulated}, each file at once."""
    found = {}
    for file in dict.fromkeys(file for file, _ in expressions):
        own = [expression for other, expression in expressions if other == file]
        code = [HEADER.read_text(), kernels.source(file)]
        for number, expression in enumerate(own):
            code.append(f"""
static void body_{number}(void** a) {{
  call(&{expression}, a, std::make_index_sequence<count_of(&{expression})>());
}}
extern "C" int kernel_{number}(unsigned* sizes, uint64_t* slots) {{
  void* a[64];
  if (sizes[3] != count_of(&{expression})) return 1;
  for (unsigned i = 0; i < sizes[3]; i++) a[i] = &slots[i];
  run(body_{number}, a, {{sizes[0], sizes[1], 1}}, {{sizes[2], 1, 1}});
  return 0;
}}""")
        library = Path(directory) / f"{file}{abs(hash(tuple(own)))}.so"
        command = ["g++", "-std=c++17", "-O1", *UNCHECKED, "-shared", "-fPIC"]
        command += ["-x", "c++", "-", "-o", library]
        subprocess.run(command, input="\n".join(code), text=True, check=True)
        for number, expression in enumerate(own):
            found[file, expression] = Emulated(str(library), f"kernel_{number}")
    return found


def install(monkeypatch, directory, ready=None):
    """Let minivit.cuda run on NumPy arrays.

    ready: what `compiled` returned; what is missing is compiled into `directory` when it is used.
    """
    ready = {} if ready is None else ready

    @functools.cache
    def kernel(file, name, dtype, *options):
        expression = kernels.expression(name, dtype, *options)
        if (file, expression) not in ready:
            ready.update(compiled([(file, expression)], directory))
        return ready[file, expression]

    monkeypatch.setattr(kernels, "kernel", kernel)
    monkeypatch.setattr(kernels, "attribute", GPU.__getitem__)
    monkeypatch.setattr(kernels, "BLOCKS", 1)  # so that a thread has several rows
    monkeypatch.setattr(kernels, "address", lambda x: x.ctypes.data)
