"""Runs that are killed or signalled at any moment, and resumed until they are complete.

One attack is one process: the beginning of a run, or its continuation, and a blow at it. Its
checkpoints have to load after every blow, and the run has to end bit for bit as one that nothing
happened to.
"""

import shutil
import signal
import sys
from pathlib import Path

from minivit.__main__ import main as minivit
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory

from . import process
from .lines import program

FRESH = ("train --patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu"
         " --dataset shapes --epochs 12 --batch-size 10 --ema 0.9").split()  # fmt: skip
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
IN_IMPORTS = 0.02  # of the blows meet a Python that still imports
AT_WORKERS = 0.1  # of the blows hit a worker process


def words(place, threads):
    """The command line that begins the run in `place`, or goes on with it."""
    if (place / "last.npz").exists():
        return ["train", "--resume", str(place), "--threads", str(threads)]
    return [*FRESH, "--threads", str(threads), "--out", str(place)]


def left(place):
    """All that a run leaves but for times; its checkpoints are loaded for it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
    from runs import left_behind

    return left_behind(RunDirectory(place), description=False)


def whole(place):
    """The run that nothing happens to, in place/whole -> what it leaves, seconds it takes."""
    program()
    shutil.rmtree(place / "whole", ignore_errors=True)
    end = process.forked(minivit, words(place / "whole", 1)).checked("nothing")
    if end.status:
        raise AssertionError(f"the run itself failed: {end.err[-500:]}")
    return left(place / "whole"), end.seconds


def sound(place):
    """Load the checkpoints of a run that was struck."""
    for name in ("last.npz", "best.npz"):
        if (place / name).exists():
            checkpoint.load(place / name)


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    wanted, seconds = whole(place)
    struck = place / "struck"

    def attack(chance):
        threads, number = chance.choice((1, 2)), chance.choice(SIGNALS)
        strike, after = process.signalled(number), chance.uniform(0, 0.6 * seconds)
        line = words(struck, threads)
        at_worker = threads == 2 and chance.random() < AT_WORKERS
        if chance.random() < IN_IMPORTS:
            end = process.real(line, chance.uniform(0, 0.8), strike)
        else:
            strike = process.worker_killed if at_worker else strike
            end = process.forked(minivit, line, after, strike)
        blow = f"{'a worker killed' if at_worker else number.name} after {after:.3f} s"
        end.checked(blow)
        sound(struck)
        if end.status == 0:
            if left(struck) != wanted:
                raise AssertionError("after all blows the run ended with other bits")
            shutil.rmtree(struck)
            return "equal"
        if end.status in (1, 2, 70) and not (at_worker and "--resume" in end.err):
            raise AssertionError(f"after {blow}: status {end.status}: {end.err}")
        return "sentence" if end.err else "killed"

    return attack
