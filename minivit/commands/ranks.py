"""Training on several ranks: how each of them begins, fails and ends.

All ranks come to the meeting before the first step, also one that could not load its data, say: so
none waits for it. After that, an error that all ranks have alike (the loss diverged, the run was
stopped) ends them one by one; any other error ends all at once by MPI's Abort. In both cases one
rank prints one sentence.
"""

import atexit
import hashlib
import os
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays.backend import to_host
from ..errors import BackendError, DivergedError, RankError
from ..parallel.workers import available_cores
from ..ranks.launch import cores, has_mpi4py, silence
from ..ranks.nccl import choose_gpu, library
from ..ranks.world import World
from ..storage.others_directory import OthersDirectory
from ..training.evaluator import EVALUATED
from ..training.signals import Interrupted


def together(launch, train):
    """Call train(world) on this rank -> exit status. Raises what `train` raises."""
    world = World(launch)
    silence()
    try:
        status = train(world)
        world.finish()
        return status
    except BaseException as error:
        if world.met and not isinstance(error, DivergedError | Interrupted):
            fail(world, error)
        else:
            # those that have agreed on it all come, the one that saves however late
            leave(world, error, well=getattr(error, "agreed", False))
        error.of_all = bool(world.mpi)  # whether the others have learnt of it: see `exits`
        raise


def for_ranks(plan, ranks):
    """The plan of one of several ranks: rank 0 alone writes.

    On GPUs, raises BackendError unless each rank has one and NCCL is there.
    """
    if plan.xp is not np:
        library()
        choose_gpu(ranks.launch)
        ranks.on_gpus = True
    if ranks.rank == 0:
        return plan
    path = plan.directory.path if plan.directory else ""
    return replace(plan, directory=OthersDirectory(path))


def meet(run):
    """Bring all ranks together before the first step. Raises RankError if they do not agree."""
    ranks, directory = run.ranks, run.plan.directory
    run.workers.keep(largest_call(run))
    directory.program = ranks.launch.command + directory.program
    position = {"step": run.trainer.step, "epochs": run.record.epochs_done}
    weights = hashlib.sha256(to_host(run.trainer.vector))
    weights.update(to_host(run.trainer.weights.frozen_vector))
    facts = {**run.record.description, "position": position, "weights": weights.hexdigest()}
    for place in ("source", "from"):  # the same files may be elsewhere on another machine
        facts.pop(place, None)
    notes = ranks.meet(
        facts,
        directory=str(directory.path),
        end=partial(end_all, ranks, directory),
    )
    if not directory.ours:
        directory.follow(ranks.directory)
    for note in notes:
        print(note)
    print(f"after an interruption, {directory.how_to_resume}")


def largest_call(run):
    """The bytes of the largest batch that workers are sent, in training or validation."""
    images, recipe = run.dataset.train_images, run.trainer.recipe
    targets = run.dataset.train_labels
    a_target = max(targets[0].nbytes, 4 * run.plan.config.classes)  # MixUp makes them longer
    return max(recipe.batch_size, EVALUATED) * (images[0].nbytes + a_target) + (1 << 20)


def leave(world, error, well=False):
    """End MPI with the other ranks, which have the same error or are told of this one.

    well: see `World.finish`.
    """
    try:
        if not world.asked:
            words, status = str(error) or type(error).__name__, getattr(error, "status", 1)
            with suppress(RankError, BackendError):
                world.meet(None, words, status)
        world.finish(well)
    except RankError:
        fail(world, error)


def tell(launch, error):
    """Have the other ranks, which this one has not met, learn of its error, if MPI is there."""
    world, mpi = World(launch), sys.modules.get("mpi4py.MPI")
    if mpi and mpi.Is_finalized():  # the others have ended well
        error.of_all = True
        return
    if has_mpi4py():
        leave(world, error)
    error.of_all = bool(world.mpi)


def fail(world, error):
    """Have the error printed by this rank, and then all ranks ended."""
    error.own = True  # see `exits`
    error.add_note(f"This was rank {world.rank} of {world.size}, on {world.host}")
    atexit.register(world.abort, getattr(error, "status", 1))


def end_all(world, directory, words):
    """From another thread, as the main one does not come to it: print and end all ranks."""
    print(f"error: {words}. {directory.how_to_resume}", file=sys.stderr, flush=True)
    world.abort()


def default_workers(launch):
    """How many workers this rank has, if nothing else is said."""
    return cores(launch, available_cores(), os.cpu_count() or 1)
