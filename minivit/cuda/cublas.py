"""cuBLAS: CuPy's calls of it; and the library's own, which a recorded step needs.

CuPy refuses every call of cuBLAS while a stream is recorded, though the library allows it.
"""

import functools
from contextlib import contextmanager

from ..errors import BackendError

WORKSPACE = 32 << 20  # bytes: what cuBLAS itself takes on an H100
_recording = []  # the handle of the stream that is being recorded


def calls():
    """(a handle, gemmEx, gemmStridedBatchedEx): CuPy's, or while a step is recorded cuBLAS's."""
    if _recording:
        own = library()
        return _recording[-1], own.cublasGemmEx, own.cublasGemmStridedBatchedEx
    from cupy.cuda.device import get_cublas_handle
    from cupy_backends.cuda.libs import cublas

    return get_cublas_handle(), cublas.gemmEx, cublas.gemmStridedBatchedEx


@functools.cache
def library():
    """cuBLAS as CuPy has loaded it, by ctypes; a call that fails raises BackendError."""
    import ctypes  # here, because a Python may be built without it

    from cuda.pathfinder import load_nvidia_dynamic_lib

    own = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    number, pointer, long = ctypes.c_int, ctypes.c_void_p, ctypes.c_longlong
    matrix = [pointer, number, number]  # its address, its type, the length of a row
    several = [*matrix, long]  # and from one to the next
    begin = [pointer, *[number] * 5]  # the handle, two operations, m, n, k
    signatures = {
        "cublasCreate_v2": [pointer],
        "cublasSetStream_v2": [pointer, pointer],
        "cublasSetWorkspace_v2": [pointer, pointer, ctypes.c_size_t],
        "cublasGemmEx": [*begin, pointer, *matrix, *matrix, pointer, *matrix, number, number],
        "cublasGemmStridedBatchedEx": [
            *(*begin, pointer, *several, *several, pointer, *several, number, number, number)
        ],
    }
    for name, types in signatures.items():
        function = getattr(own, name)
        function.argtypes, function.restype, function.errcheck = types, number, check
    return own


@functools.cache
def own_handle():
    """A handle beside CuPy's."""
    import ctypes

    handle = ctypes.c_void_p()
    library().cublasCreate_v2(ctypes.byref(handle))
    return handle


def check(status, function, arguments):
    """Raise BackendError for a status that is not 0."""
    if status:
        raise BackendError(f"{function.__name__} failed with status {status}")
    return status


@contextmanager
def direct(stream, workspace):
    """Inside, `calls` are for `stream`, which may be recorded.

    workspace: an array of WORKSPACE bytes, which must live as long as what is recorded.
    """
    own, handle = library(), own_handle()
    own.cublasSetStream_v2(handle, stream.ptr)
    own.cublasSetWorkspace_v2(handle, workspace.data.ptr, workspace.nbytes)
    _recording.append(handle)
    try:
        yield
    finally:
        _recording.pop()
