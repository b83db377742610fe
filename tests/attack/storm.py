"""Runs that are killed, signalled or out of disk at any moment, and resumed until complete.

Each has to end bit for bit as the run that nothing happened to, and its checkpoints have to load
after every blow.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from tests.attack import lines
lines.program()
from minivit.__main__ import main
from minivit.commands import exits
sys.exit(exits.run(main, ["train", *sys.argv[1:]]))
"""
FRESH = ("--patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu "
         "--dataset shapes --epochs 12 --batch-size 10 --ema 0.9 --threads").split()  # fmt: skip
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
BLOWS = 40  # at one run, at most; then it is let through


def start(place, threads, most_bytes=None):
    """Start the run in `place`, or go on with it; with a limit on the size of files."""
    words = [*FRESH, str(threads), "--out", str(place)]
    if (place / "last.npz").exists():
        words = ["--resume", str(place), "--threads", str(threads)]

    def limited():
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.Popen(
        [sys.executable, "-B", "-c", PROGRAM, *words],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limited,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def left(place):
    """All that a run leaves but for times."""
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    from runs import left_behind

    return left_behind(RunDirectory(place), description=False)


def whole(place):
    """The run that nothing happens to -> what it leaves, and how long it took."""
    began = time.monotonic()
    _, err = start(place, 1).communicate(timeout=300)
    if err:
        raise AssertionError(f"the run itself failed: {err[-500:]}")
    return left(place), time.monotonic() - began


def checked(place, err, blow):
    """Check the checkpoints and the words after a blow. Raises AssertionError."""
    for name in ("last.npz", "best.npz"):
        if (place / name).exists():
            checkpoint.load(place / name)
    if "Traceback" in err or err.count("\n") > 1:
        raise AssertionError(f"after {blow}: {err[-600:]!r}")


def kills(chance, place, wanted, seconds, early, end):
    """Kill one run again and again, then let it end -> the number of blows."""
    blows = 0
    while True:
        process = start(place, chance.choice((1, 2)))
        number = chance.choice(SIGNALS)
        if early and chance.random() < 0.1:
            time.sleep(chance.uniform(0, 0.5))  # while it imports
        else:
            for line in process.stdout:  # the run has begun
                if "writing to" in line:
                    break
            time.sleep(chance.uniform(0, 0.6 * seconds))
        if blows < BLOWS and time.monotonic() < end:
            process.send_signal(number)
        _, err = process.communicate(timeout=300)
        blows += process.returncode != 0
        checked(place, err, f"signal {number.name}")
        if process.returncode == 0:
            if left(place) != wanted:
                raise AssertionError(f"after {blows} blows the run ended with other bits")
            return blows
        if process.returncode in (1, 2):
            raise AssertionError(f"status {process.returncode}: {err}")


def disks(chance, place, wanted, seconds, early, end):
    """Let one run meet a full disk at several sizes, then go on without -> the number of blows."""
    blows = 0
    for limit in [*(chance.randrange(1, 60_000) for _ in range(4)), None]:
        process = start(place, 1, limit)
        _, err = process.communicate(timeout=300)
        blows += process.returncode != 0
        checked(place, err, f"a limit of {limit} bytes a file")
        if process.returncode not in (0, 1) or (process.returncode and not err):
            raise AssertionError(f"limit {limit}: status {process.returncode}: {err!r}")
        if process.returncode == 0:
            break
    if left(place) != wanted:
        raise AssertionError("after full disks the run ended with other bits")
    return blows
