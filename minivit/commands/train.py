"""python -m minivit train, and train.py: train a model, or go on with a run."""

from contextlib import ExitStack

import numpy as np

from .. import data
from ..arrays import gpu
from ..config import Config
from ..errors import ConfigError, RunError
from ..objective import deciding_metric, remade
from ..parallel import blas
from ..parallel.workers import Workers
from ..text import counted, printable
from ..trained import load
from ..training.fine_tuning import Start
from ..training.plan import Plan
from ..training.recipe import Recipe
from ..training.run import Run
from .progress import require_tqdm
from .train_options import add_arguments

__all__ = ["add_arguments", "main"]

# Fields that the first lines of a run name where they differ from the defaults.
EXTRAS = """patch_overlap dropout drop_path patch_dropout policy erasing mixup cutmix early_drop
    early_size ema whiten init freeze layer_decay patience
    train_fraction""".split()


LISTED = 10  # names of targets


def main(args):
    """Train as the options say; print where everything is, and last the test's result -> 0."""
    require_tqdm()
    options = {name: value for name, value in vars(args).items() if value is not None}
    if args.resume and args.start:
        raise ConfigError("--from is for a new run; one that goes on has its weights already")
    start = Start.of(load(args.start), args.start) if args.start else None
    plan = Plan.resumed(args.resume, options) if args.resume else Plan.fresh(options, start)
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
    if plan.xp is np and args.device == "auto" and not plan.saved and (note := gpu.note()):
        print(note)
    compare_bits(plan, args.exact)
    with ExitStack() as held:
        if plan.directory:  # before the data is loaded, which may take long
            held.enter_context(plan.directory.claimed())
        size, channels = plan.config.image_size, plan.config.channels
        how = {"image_size": size, "channels": channels, "targets": plan.targets}
        dataset = data.load(plan.dataset, plan.data_dir, **how)
        plan = plan.for_data(dataset, options)
        if not plan.directory.claim:
            held.enter_context(plan.directory.claimed())
        workers = held.enter_context(Workers(args.threads if plan.xp is np else 1))
        plan.directory.program = args.program
        run = Run(plan, dataset, workers)
        introduce(run, counted(workers.count, "CPU worker") if plan.xp is np else "GPU")
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


def introduce(run, device):
    """Say what is about to happen, and on which device."""
    dataset, plan, c = run.dataset, run.plan, run.plan.config
    blas_note = "" if device == "GPU" else blas.note(threads=False)
    start_note = plan.start.note if plan.start else ""
    for note in (dataset.note, blas_note, start_note, *plan.notes, *run.record.notes):
        if note:
            print(note)
    print(
        f"{dataset.name}: {len(run.training):,} training, {len(run.validation):,} validation, "
        f"{counted(len(dataset.test_images), 'test image')}, {outputs(run)}"
    )
    print(
        f"ViT {plan.preset}: width {c.dim}, {counted(c.depth, 'block')}, "
        f"{counted(c.heads, 'head')}, MLP {c.mlp_dim}, patch {c.patch_size}, "
        f"{parameters(run.trainer.weights)}"
    )
    values = {**c.to_dict(), **plan.recipe.to_dict()}
    defaults = {**Config().to_dict(), **Recipe().to_dict()}
    extras = [name for name in EXTRAS if values[name] != defaults[name]]
    if extras:
        shown = {
            n: s.in_words(values[n]) for k in (Config, Recipe) for n, s in k.settings().items()
        }
        words = [name if values[name] is True else f"{name} {shown[name]}" for name in extras]
        print(f"with {', '.join(words).replace('_', ' ')}")
    epochs, steps = counted(plan.recipe.epochs, "epoch"), counted(run.steps_per_epoch, "step")
    print(f"{epochs} of {steps} on {device}, writing to {plan.directory.path}", flush=True)


def outputs(run):
    """What the model says of an image, in words."""
    if run.dataset.classes:
        return f"{len(run.dataset.classes)} classes"
    names = [printable(name) for name in getattr(run.objective, "targets", ())]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{run.objective.name} of {', '.join(names[:LISTED])}{more}"


def parameters(weights):
    """How many there are, and how many of them learn where not all do."""
    learning = len(weights.vector)
    some = f", of which {learning:,} learn" if learning < weights.count else ""
    return f"{weights.count:,} parameters{some}"


def conclude(plan, name, objective, values, taken):
    """Print the result on the data set `name`, as the objective judges it, and where it is -> 0.

    taken: the epoch whose weights were tested, if it is not the last one, else 0.
    """
    decides = deciding_metric(objective)
    others = [m.text(values[m.name]) for m in objective.metrics if m != decides and not m.detail]
    weights = "running mean of the weights" if plan.recipe.ema else "final weights"
    weights = f"weights of epoch {taken}, the best" if taken else weights
    result = f"{decides.name} {decides.number(values[decides.name])}"
    print(f"{name} test {result} ({', '.join([*others, weights])})")
    if hasattr(objective, "remark"):
        print(objective.remark(values))
    print(f"weights, metrics and curves are in {plan.directory.path}")
    return 0
