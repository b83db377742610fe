"""python -m minivit train, and train.py: train a model, or go on with a run."""

from contextlib import ExitStack
from functools import partial

import numpy as np

from .. import data
from ..arrays import gpu
from ..errors import ConfigError, RunError
from ..objective import remade
from ..parallel.workers import Workers
from ..ranks.launch import checked, launched
from ..ranks.ranks import ALONE
from ..resolution import WAY
from ..storage.directory import RunDirectory
from ..storage.others_directory import OthersDirectory
from ..text import counted
from ..trained import load
from ..training.fine_tuning import Start
from ..training.fitting import fitted_images
from ..training.plan import Plan
from ..training.run import Run
from .progress import require_tqdm
from .ranks import default_workers, for_ranks, meet, together
from .train_options import add_arguments
from .train_words import conclude, introduce

__all__ = ["add_arguments", "main"]


def main(args):
    """Train as the options say, alone or with the other ranks that MPI started -> exit status."""
    launch = checked(launched(), args.ranks)
    if launch.size == 1:
        return train(args)
    args.threads = args.threads or default_workers(launch)
    return together(launch, partial(train, args))


def train(args, ranks=ALONE):
    """Print where everything is, and last the test's result -> 0."""
    require_tqdm()
    options = {name: value for name, value in vars(args).items() if value is not None}
    if args.resume and args.start:
        raise ConfigError("--from is for a new run; one that goes on has its weights already")
    if args.interpolation and not args.start:
        raise ConfigError("--interpolation is for a model of another image size: --from MODEL")
    way = args.interpolation or WAY
    start = Start.of(load(args.start), args.start, way) if args.start else None
    new = OthersDirectory if ranks.rank else RunDirectory.new
    if args.resume:
        plan = Plan.resumed(args.resume, options, new)
    else:
        plan = Plan.fresh(options, start, new)
    if plan.finished:
        epochs, saved = plan.recipe.epochs, plan.saved
        saved.load()  # raises unless its weights are as they were saved
        done = saved.position[0]
        print(f"{plan.directory.path} is complete: {done} of {epochs} epochs done")
        fields, result = saved.meta.get("objective_fields"), plan.directory.result()
        objective = remade(saved.objective, saved.config, saved.recipe, fields)
        if not objective or {f"test_{m.name}" for m in objective.metrics} - result.keys():
            raise RunError(f"{plan.directory.metrics} holds the result of another objective.")
        values = {name.removeprefix("test_"): value for name, value in result.items()}
        return conclude(plan, saved.meta["dataset"]["name"], objective, values, saved.taken)
    if ranks.size > 1:
        plan = for_ranks(plan, ranks)
    if plan.xp is np and args.device == "auto" and not plan.saved and (note := gpu.note()):
        print(note)
    compare_bits(plan, args.exact)
    with ExitStack() as held:
        if plan.directory:  # before the data is loaded, which may take long
            held.enter_context(plan.directory.claimed())
        size, channels = plan.config.image_size, plan.config.channels
        how = {"image_size": size, "channels": channels, "targets": plan.targets}
        dataset = data.load(plan.dataset, plan.data_dir, **how)
        dataset = fitted_images(plan, dataset, options)
        plan = plan.for_data(dataset, options)
        if not plan.directory.claim:
            held.enter_context(plan.directory.claimed())
        workers = held.enter_context(Workers(args.threads if plan.xp is np else 1))
        plan.directory.program = args.program
        run = Run(plan, dataset, workers, ranks=ranks)
        if ranks.size > 1:
            meet(run)
        device = counted(workers.count, "CPU worker") if plan.xp is np else "GPU"
        introduce(run, f"{ranks.size} ranks of {device}" if ranks.size > 1 else device)
        values = run.train()
    return conclude(plan, dataset.name, run.objective, values, run.record.taken)


def compare_bits(plan, exact):
    """Say what computes a resumed run otherwise than before. Raises ConfigError if it is `exact`.

    Then its bits will not be those of a run without a break.
    """
    if exact and not plan.saved:
        raise ConfigError("--exact is for a run that goes on, with --resume")
    if exact and not plan.saved.arithmetic:
        raise ConfigError(
            f"--exact: {plan.saved.path} does not say what computed it, as it is of an older "
            "version; leave out --exact to go on all the same"
        )
    changed = plan.changed_arithmetic
    if exact and changed:
        raise ConfigError(
            f"--exact: {changed}; undo that, or leave out --exact to go on with other bits"
        )
    if exact and (unknown := plan.unknown_arithmetic):
        raise ConfigError(
            f"--exact: {unknown} cannot be found out here (pip install threadpoolctl); do that, or "
            "leave out --exact"
        )
    if changed:
        print(f"note: {changed}: the run ends with other bits than without a break")
