"""python -m minivit train, and train.py: train a model, or go on with a run."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import data
from ..arrays import gpu
from ..arrays.backend import select, special
from ..config import Config
from ..errors import BackendError, ConfigError, DataError
from ..parallel import blas
from ..parallel.workers import Workers
from ..storage.directory import RunDirectory
from ..storage.lock import locked
from ..text import counted
from ..training.early_steps import SmallerViT
from ..training.presets import PRESETS
from ..training.recipe import Recipe
from ..training.run import Run
from ..training.saved_run import SavedRun, refuse_another_run
from .arguments import flag, given
from .train_options import add_arguments

__all__ = ["add_arguments", "main"]

# Fields that the first lines of a run name where they differ from the defaults.
EXTRAS = """patch_overlap dropout drop_path patch_dropout policy erasing mixup cutmix early_drop
    early_size ema whiten init""".split()


def main(args):
    """Train as the options say; print where everything is, and last the test accuracy -> 0."""
    require_tqdm()
    saved = SavedRun.read(args.resume) if args.resume else None
    if saved:
        config, recipe, preset, directory, source = continued(args, saved)
        if saved.complete and directory.result():
            print(f"{directory.path} is complete: {recipe.epochs} of {recipe.epochs} epochs done")
            return conclude(saved.meta["dataset"]["name"], directory)
        if not (
            args.dataset or source["dataset"] in data.NAMES or os.path.isdir(source["dataset"])
        ):
            raise DataError(
                f"{directory.path} was begun with the images in {source['dataset']}, which is not "
                "there: say with --dataset DIR where they are."
            )
    device = saved.device if saved and args.device == "auto" else args.device
    xp = select(device)
    on_cpu = xp is np
    if device == "auto" and on_cpu and (note := gpu.note()):
        print(note)
    if not saved:
        preset = args.preset or ("tiny" if on_cpu else "base")
        config = Config(**{**PRESETS[preset].model, **given(args, Config)})
        recipe = replace(Recipe(**PRESETS[preset].recipe), **given(args, Recipe))
        directory = RunDirectory.new(args.out) if args.out else None
        source = {"dataset": "auto", "data_dir": None}
    source |= {name: getattr(args, name) for name in source if getattr(args, name) is not None}
    if config.gelu == "erf":
        special(xp.zeros(0))  # raises here without SciPy, before anything is read or written
    dataset = data.load(source["dataset"], source["data_dir"], image_size=config.image_size)
    config = fit_to_data(args, config, dataset)
    if recipe.early_size:
        SmallerViT(config, recipe.early_size)  # checks the size before anything is written
    source = record(source, dataset)
    directory = directory or RunDirectory.numbered("runs", f"{dataset.name}-{preset}")
    with locked(directory.path), Workers(args.threads if on_cpu else 1) as workers:
        run = Run(config, recipe, dataset, directory, workers, xp, preset, source)
        if saved:
            run.resume(saved.path)
        introduce(run, counted(workers.count, "CPU worker") if on_cpu else "GPU")
        run.train()
    return conclude(dataset.name, directory)


def require_tqdm():
    """Raise BackendError if tqdm is missing, before a download or a progress bar needs it."""
    try:
        import tqdm  # noqa: F401
    except ImportError:
        raise BackendError("training needs tqdm for progress bars: pip install tqdm") from None


def continued(args, saved):
    """The config, recipe, preset, directory and source of the data of a saved run.

    Raises ConfigError if an option contradicts them, or if resuming would delete a result.
    """
    preset = {"preset": args.preset} if args.preset else {}
    saved.refuse_options(**given(args, Config), **given(args, Recipe), **preset)
    directory = RunDirectory(saved.path.parent)
    if args.out and Path(args.out).resolve() != directory.path.resolve():
        raise ConfigError(f"--resume goes on in {directory.path}; leave out --out {args.out}.")
    refuse_another_run(directory, saved)
    if directory.result() and not saved.complete:
        raise ConfigError(
            f"{directory.path} is complete; going on from {saved.path} would take its result away. "
            "Copy the checkpoint to a directory of its own and resume that."
        )
    source = dict(saved.meta["source"])
    if source["data_dir"] and not Path(source["data_dir"]).exists():
        source["data_dir"] = None
    return saved.config, saved.recipe, saved.meta["preset"], directory, source


def record(source, dataset):
    """Where the data came from, as absolute paths, so that a run resumes in any directory."""
    if source["dataset"] not in data.NAMES:
        return {"dataset": os.path.abspath(os.path.expanduser(source["dataset"])), "data_dir": None}
    # Not "auto", which may find other data when the run is resumed.
    in_data_dir = data.SOURCES[dataset.name].in_data_dir
    place = data.directory(source["data_dir"]) if in_data_dir else None
    return {"dataset": dataset.name, "data_dir": place and os.path.abspath(place)}


def conclude(name, directory):
    """Print the test result with the data set's name, and where the files are -> status 0."""
    result = directory.result()
    print(
        f"{name} test accuracy {result['test_accuracy']:.2%} "
        f"(loss {result['test_loss']:.3f}, {result.get('weights', 'final weights')})"
    )
    print(f"weights, metrics and curves are in {directory.path}")
    return 0


def fit_to_data(args, config, dataset):
    """`config` with the data's image size, channels and classes.

    Raises ConfigError if options ask for other ones.
    """
    height, width, channels = dataset.train_images.shape[1:]
    if height != width:
        raise ConfigError(f"{dataset.name}: images are {height} x {width}; they must be square")
    sizes = {"image_size": height, "channels": channels, "classes": len(dataset.classes)}
    for name, size in sizes.items():
        asked = getattr(args, name)
        if asked not in (None, size):
            raise ConfigError(
                f"{flag(name)} {asked}: {dataset.name} has {size}; leave the option out"
            )
    return replace(config, **sizes)


def introduce(run, device):
    """Print what is about to be trained, on which data and device."""
    dataset, c = run.dataset, run.config
    for note in (dataset.note, "" if device == "GPU" else blas.note(threads=False)):
        if note:
            print(note)
    print(
        f"{dataset.name}: {len(run.training):,} training, {len(run.validation):,} validation, "
        f"{counted(len(dataset.test_images), 'test image')}, {len(dataset.classes)} classes"
    )
    print(
        f"ViT {run.preset}: width {c.dim}, {counted(c.depth, 'block')}, "
        f"{counted(c.heads, 'head')}, MLP {c.mlp_dim}, patch {c.patch_size}, "
        f"{len(run.trainer.vector):,} parameters"
    )
    chosen = {**c.to_dict(), **run.recipe.to_dict()}
    plain = {**Config().to_dict(), **Recipe().to_dict()}
    extras = [name for name in EXTRAS if chosen[name] != plain[name]]
    if extras:
        words = [name if chosen[name] is True else f"{name} {chosen[name]}" for name in extras]
        print(f"with {', '.join(words).replace('_', ' ')}")
    epochs, steps = counted(run.recipe.epochs, "epoch"), counted(run.steps_per_epoch, "step")
    print(f"{epochs} of {steps} on {device}, writing to {run.directory.path}", flush=True)
