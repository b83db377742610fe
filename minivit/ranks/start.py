"""Start MPI: the only place that imports mpi4py."""

import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager

from ..errors import BackendError
from .launch import INSTALL

START = 900  # seconds in which all ranks must have loaded their data and come to MPI's start


def start(launch):
    """Start MPI -> mpi4py's module MPI.

    Raises BackendError if it is not there, is not the launcher's, or does not have the ranks of
    `launch`: MPI of another kind believes that each rank is alone.
    """
    try:
        import mpi4py

        mpi4py.rc.initialize = mpi4py.rc.finalize = False
        with warnings.catch_warnings(action="ignore"):  # of another launcher: see below
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BackendError(f"mpi4py cannot load MPI ({reason}): {INSTALL}") from None
    vendor = MPI.get_vendor()[0]
    advice = f"mpi4py's MPI is {vendor}: start them with that MPI's own mpiexec, or srun --mpi=pmix"
    slurm = "SLURM_STEP_NUM_TASKS" in os.environ  # whose srun can start either MPI
    if not slurm and (launch.by == "Open MPI") != (vendor == "Open MPI"):
        # which might end this process without a word
        raise BackendError(f"{launch.by} started {launch.size} ranks, but {advice}")
    with starting():
        MPI.Init_thread(MPI.THREAD_MULTIPLE)
    rank, size = MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
    if (rank, size) != (launch.rank, launch.size):
        MPI.Finalize()
        raise BackendError(
            f"{launch.by} started {launch.size} ranks, but MPI knows of {size}; {advice}"
        )
    return MPI


@contextmanager
def starting():
    """Around MPI's start, which waits for all ranks and hears no signal: end it all the same."""

    def give_up():
        print(f"error: MPI has not started within {START} seconds", file=sys.stderr, flush=True)
        os._exit(1)

    timer, before = threading.Timer(START, give_up), {}
    timer.daemon = True
    timer.start()
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
                before[number] = signal.signal(number, signal.SIG_DFL)
        yield
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
