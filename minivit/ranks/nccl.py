"""NCCL: how the GPUs of several ranks send each other arrays, without the host between them.

It comes with a package of its own beside CuPy. What is sent here is not summed by NCCL, whose
order of summation depends on the number of ranks: a rank receives arrays and adds them itself.
"""

from ..errors import BackendError

INSTALL = "pip install nvidia-nccl-cu13 (or -cu12, as CuPy)"


def library():
    """CuPy's module nccl. Raises BackendError if NCCL is not there."""
    import warnings

    with warnings.catch_warnings(record=True):  # CuPy's own words fill a page
        try:
            from cupy.cuda import nccl
        except ImportError:
            nccl = None
    if not getattr(nccl, "available", False):
        raise BackendError(f"training on several GPUs needs NCCL: {INSTALL}")
    return nccl


def choose_gpu(launch):
    """Take this rank's own GPU of its machine. Raises BackendError for fewer GPUs than ranks."""
    import cupy

    there = cupy.cuda.runtime.getDeviceCount()
    if launch.local > there:
        raise BackendError(
            f"{launch.local} ranks on a machine with {there} GPU{'s' * (there > 1)}: each rank "
            "needs one of its own; start fewer, or add --device cpu"
        )
    cupy.cuda.Device(launch.local_rank % there).use()


class Links:
    """Between the GPUs of all ranks. Every rank makes it at the same time.

    ranks: they know each other already, and give the others the name by which NCCL finds them.
    """

    def __init__(self, ranks):
        self.nccl = library()
        names = [self.nccl.get_unique_id()] if ranks.rank == 0 else []
        (names,) = ranks.concatenate(names)
        self.communicator = self.nccl.NcclCommunicator(ranks.size, names[0], ranks.rank)

    def swap(self, sends, receives, stream):
        """Send and receive device arrays of float32, as `Ranks.swap` says, in the GPU's queue.

        stream: the address of the queue. The host does not wait.
        """
        nccl, link = self.nccl, self.communicator
        nccl.groupStart()
        for array, other in receives:
            if array.size:
                link.recv(array.data.ptr, array.size, nccl.NCCL_FLOAT32, other, stream)
        for array, other in sends:
            if array.size:
                link.send(array.data.ptr, array.size, nccl.NCCL_FLOAT32, other, stream)
        nccl.groupEnd()
