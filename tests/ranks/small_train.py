"""train.py on a few small pictures, for tests that start it with mpiexec; and its faults.

    PYTHONPATH=.:tests/helpers python small_train.py FAULT options of train.py

FAULT: "none", or RANK:WHAT with one of the names of FAULTS, "RANK:kill@STEP", ...; or several with
"+" between them.
"""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in train.py, while modules load

import small_runs  # noqa: E402

from minivit import data  # noqa: E402
from minivit.__main__ import command  # noqa: E402
from minivit.commands.exits import run  # noqa: E402
from minivit.errors import CheckpointError, DataError  # noqa: E402
from minivit.ranks import watch, world  # noqa: E402
from minivit.ranks.launch import launched  # noqa: E402
from minivit.storage import checkpoint  # noqa: E402
from minivit.training.trainer import Trainer  # noqa: E402


def small(name, *_, seed=0, **__):
    """Pictures, the same for every call."""
    return small_runs.pictures(train=100, test=9, seed=seed, name="shapes")


def other_data():
    data.load = lambda *args, **kwargs: small(*args, seed=1)


def no_data():
    def load(*_, **__):
        raise DataError("the images are gone.")

    data.load = load


def other_program():
    world.program = lambda: "minivit 0.0 (cafe)"


def full_disk():
    save = checkpoint.save

    def fail(path, *args):
        if Path(path).exists():  # the first one could be written
            raise CheckpointError(f"cannot write {path}: No space left on device.")
        save(path, *args)

    checkpoint.save = fail


def slow_disk():
    """A checkpoint takes longer than ranks wait for one that has failed."""
    save = checkpoint.save

    def slow(path, *args):
        if Path(path).exists():
            time.sleep(world.END + 1)
        save(path, *args)

    checkpoint.save = slow


def late():
    """Start when rank 0 is ready."""
    time.sleep(2)


def early_interrupt():
    """Ctrl-C while the program's modules are loaded."""
    signal.raise_signal(signal.SIGINT)


def interrupt_before_mpi():
    """Ctrl-C while mpi4py is loaded."""
    world.start = lambda launch: early_interrupt()


FAULTS = {
    f.__name__: f
    for f in (
        other_data, no_data, other_program, full_disk, slow_disk, late, early_interrupt,
        interrupt_before_mpi,
    )
}  # fmt: skip
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}
LATE = 0.8  # seconds after the step: "RANK:later@STEP" is a SIGTERM then


def stop_twice():
    """A signal now, and one when the rank is on its way out, which means: at once."""
    read, stop = Trainer.read_sums, partial(os.kill, os.getpid(), signal.SIGTERM)
    stop()
    Trainer.read_sums = lambda self: stop() or read(self)


def at_step(step, action):
    """Do it before that step."""
    train_step = Trainer.train_step

    def then(self, images, targets):
        if self.step == step - 1:
            action()
        train_step(self, images, targets)

    Trainer.train_step = then


def arrange(fault):
    """Let the fault happen, if it is this rank's."""
    rank, _, what = fault.partition(":")
    if fault == "none" or int(rank) != launched().rank:
        return
    what, _, step = what.partition("@")
    if what in FAULTS:
        FAULTS[what]()
    elif what == "again":
        at_step(int(step), stop_twice)
    elif what == "later":
        at_step(int(step), threading.Timer(LATE, os.kill, [os.getpid(), signal.SIGTERM]).start)
    else:
        at_step(int(step), lambda: os.kill(os.getpid(), SIGNALS[what]))


def main(argv):
    """train.py's, but for the pictures and a fault."""
    fault, *options = argv
    watch.SILENT, world.END = 2.0, 1.5
    data.load = small
    for one in fault.split("+"):
        arrange(one)
    return command("train", options, prog="python train.py")


if __name__ == "__main__":
    sys.exit(run(main))
