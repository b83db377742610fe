"""The peak memory of a training step, measured in a process of its own.

The process (with its workers) builds the model and a batch, reads its resident memory, takes some
steps, and reports how far memory rose above that at its highest point: activations, gradients,
optimizer state and temporary arrays. On Linux the highest point is the kernel's VmHWM, reset before
the first step, without the pages of program files, which every first call loads. Elsewhere it is
getrusage's ru_maxrss (on Linux a child process inherits that from its parent). On a GPU it is what
the library's memory pool has taken from the device.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from ..config import Config

STEPS = 5
ROOT = Path(__file__).resolve().parents[2]


def peak_bytes(side, size, threads=None, device="cpu"):
    """Bytes above the built model, side "ours" or "torch"; None where the system does not say."""
    request = json.dumps([side, size.config.to_dict(), size.batch, threads, device])
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(
        [sys.executable, "-m", "minivit.bench.memory", request],
        env=environment,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def measure(side, size, threads, device):
    """Build the model and take the steps -> bytes, or None."""
    if side == "torch":
        from .torch_opponent import Opponent

        opponent = Opponent(size, device)
        return _torch_gpu(opponent) if device == "gpu" else _host(opponent.train)
    from ..arrays.backend import select
    from ..parallel.workers import Workers
    from .step import Bench

    xp = select(device)
    with Workers(threads) as workers:
        bench = Bench(size, workers, xp, dataset_size=size.batch)
        bench.close()
        others = workers.processes.pids if workers.processes else []
        return _host(bench.train, others) if device == "cpu" else _cupy(bench, xp)


def _host(step, others=()):
    """How far the resident memory rises over the steps; None where the system does not say.

    others: ids of worker processes; memory that they share with this one counts once.
    """
    processes = ["self", *others]
    for process in processes:
        try:
            Path(f"/proc/{process}/clear_refs").write_text("5")  # resets VmHWM
        except OSError:
            pass  # VmHWM still has the peak of building: the result may be too high, never too low
    before = [_resident("VmRSS", process) for process in processes]
    for _ in range(STEPS):
        step()
    after = [_resident("VmHWM", process) for process in processes]
    rises = [None if b is None else max(0, b - a) for a, b in zip(before, after, strict=True)]
    return None if None in rises else sum(rises)


def _resident(kind, process="self"):
    """Bytes of memory without files: now ("VmRSS") or at most ("VmHWM"); None if unknown.

    Shared memory counts for "self" only. Without Linux's /proc, both kinds are the highest.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return _max_resident()
    kib = {
        name: (value.split() or [0])[0]
        for name, _, value in (line.partition(":") for line in lines)
    }
    without = ("RssFile",) if process == "self" else ("RssFile", "RssShmem")
    return 1024 * (int(kib[kind]) - sum(int(kib.get(name, 0)) for name in without))


def _max_resident():
    """getrusage's ru_maxrss in bytes; None on Windows, which has none."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _cupy(bench, xp):
    """Bytes that CuPy's pools took from the device, above what the built model uses."""
    pool, trainer = xp.get_default_memory_pool(), bench.trainer
    pool.free_all_blocks()
    before = pool.used_bytes()
    for _ in range(STEPS):
        bench.train()
    repeated = [step.repeated for step in getattr(trainer.run_micro_step, "steps", {}).values()]
    repeated += [trainer.update.begin] if trainer.fused else []
    own = sum(each.recording.pool.total_bytes() for each in repeated if each.recording)
    return pool.total_bytes() - before + own


def _torch_gpu(opponent):
    """Bytes that PyTorch's allocator took from the device, above what the built model uses."""
    cuda = opponent.torch.cuda
    before = cuda.memory_allocated()
    for _ in range(STEPS):
        opponent.train()
    cuda.synchronize()
    return cuda.max_memory_reserved() - before


def main(argument):
    """In the process of its own: measure and print the number as JSON."""
    from .sizes import Size

    side, config, batch, threads, device = json.loads(argument)
    print(json.dumps(measure(side, Size(Config(**config), batch), threads, device)))


if __name__ == "__main__":
    main(sys.argv[1])
