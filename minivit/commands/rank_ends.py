"""How one rank of several ends with an error: who prints it, and how all others end as well.

A rank that has an error before it has met the others cannot know whether they have it too. If MPI
can be started, they learn of it where they meet, and rank 0 prints one sentence. If not (mpi4py is
missing on this rank's host, say), the rank prints the sentence itself, with its name, and dies.
"""

import signal
import socket
import sys
import time
from contextlib import suppress

from ..errors import ConfigError
from ..ranks.launch import launched

PAUSE = 1.5  # seconds that rank 0 has to print the same error, and to end all ranks


def refuse_ranks(program):
    """Raise ConfigError if MPI started several processes of a program that is for one."""
    launch = launched()
    if launch.size > 1:
        error = ConfigError(
            f"{program} is for one process, and {launch.by} started {launch.size} of it: leave out "
            f"{launch.command.split()[0]}; several train together with train.py only"
        )
        error.of_all = True
        raise error


def leave_others():
    """Have the others end, if any, as this process does nothing more."""
    if launched().size > 1:
        from .ranks import tell

        tell(launched(), ConfigError("it was asked for --help, and does not train"))


def introduction(error):
    """Have the others learn of the error -> what goes before its sentence; None: print nothing.

    An error is `own` if this rank is to print it, and `of_all` if the others know of it, who have
    the same one or have been told.
    """
    launch = launched()
    if launch.size == 1:
        return ""
    if not hasattr(error, "of_all") and not isinstance(error, KeyboardInterrupt):
        from .ranks import tell

        tell(launch, error)
    if launch.rank == 0 or hasattr(error, "own"):
        return ""
    time.sleep(PAUSE)
    if isinstance(error, KeyboardInterrupt) or error.of_all:
        return None
    return f"rank {launch.rank} (on {socket.gethostname()}): "


def end_others(error, status):
    """End all ranks of which some do not know of the error, by ending this one -> its exit status.

    Open MPI's launcher does so if a rank ends with an error, and srun if it was told to
    (docs/scale.md). MPICH's does if a rank dies of a signal only: it lets the others wait for one
    that has left by itself.
    """
    launch = launched()
    if launch.size == 1 or getattr(error, "of_all", False) or hasattr(error, "own"):
        return status
    if isinstance(error, KeyboardInterrupt):
        _die_of(status - 128)
    elif launch.by not in ("Open MPI", "Slurm"):
        _die_of(signal.SIGTERM)
    return status


def _die_of(number):
    with suppress(OSError, ValueError):  # it may be closed
        sys.stdout.flush()
    with suppress(ValueError):  # in another thread than the main one it cannot be set
        signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
