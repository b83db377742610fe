"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest."""

import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from minivit import data
from minivit.arrays import gpu
from minivit.arrays.backend import select
from minivit.commands import arguments as cli
from minivit.commands import exits as ending
from minivit.commands import train_options as options
from minivit.config import Config
from minivit.errors import ConfigError, DataError
from minivit.layers.gelu import special
from minivit.parallel import blas
from minivit.parallel.workers import Workers
from minivit.storage.directory import RunDirectory
from minivit.storage.lock import locked
from minivit.text import counted
from minivit.training.early_steps import SmallerViT
from minivit.training.recipe import PRESETS, Recipe
from minivit.training.run import Run
from minivit.training.saved_run import SavedRun

# What is said at the start where it is not as `Config` and `Recipe` have it.
EXTRAS = """patch_overlap dropout drop_path patch_dropout policy erasing mixup cutmix first_drop
    first_size ema whiten init""".split()


def main(argv):
    """Train as the options say; print where everything is, and last the test accuracy."""
    args = options.parser().parse_args(argv)
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
        config = cli.model_config(args, **PRESETS[preset].model)
        recipe = replace(Recipe(**PRESETS[preset].recipe), **given(args, Recipe))
        directory = RunDirectory.new(args.out) if args.out else None
        source = {"dataset": "auto", "data_dir": None}
    source |= {name: getattr(args, name) for name in source if getattr(args, name) is not None}
    if config.gelu == "erf":
        special(xp.zeros(0))  # without SciPy it fails here, before anything is read or written
    dataset = data.load(source["dataset"], source["data_dir"], image_size=config.image_size)
    config = fit_to_data(args, config, dataset)
    if recipe.first_size:
        SmallerViT(config, recipe.first_size)  # one that cannot be fails before anything is written
    source = record(source, dataset)
    directory = directory or RunDirectory.numbered("runs", f"{dataset.name}-{preset}")
    with locked(directory.path), Workers(args.threads if on_cpu else 1) as workers:
        run = Run(config, recipe, dataset, directory, workers, xp, preset, source)
        if saved:
            run.resume(saved.path)
        introduce(run, counted(workers.count, "CPU worker") if on_cpu else "GPU")
        run.train()
    return conclude(dataset.name, directory)


def continued(args, saved):
    """What a saved run goes on with: config, recipe, preset, directory, source of the data.

    Raises ConfigError if an option says otherwise, or if a result would be lost by going on.
    """
    preset = {"preset": args.preset} if args.preset else {}
    saved.refuse_options(**given(args, Config), **given(args, Recipe), **preset)
    directory = RunDirectory(saved.path.parent)
    if args.out and Path(args.out).resolve() != directory.path.resolve():
        raise ConfigError(f"--resume goes on in {directory.path}; leave out --out {args.out}.")
    directory.refuse_others(saved)
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
    """Where the data came from, in words that hold in any directory: for resuming."""
    if source["dataset"] not in data.NAMES:
        return {"dataset": os.path.abspath(os.path.expanduser(source["dataset"])), "data_dir": None}
    # What "auto" found counts, whatever can be had then.
    in_data_dir = data.SOURCES[dataset.name].in_data_dir
    place = data.directory(source["data_dir"]) if in_data_dir else None
    return {"dataset": dataset.name, "data_dir": place and os.path.abspath(place)}


def conclude(name, directory):
    """Print the result, naming the data it was measured on, and where the files are -> status 0."""
    result = directory.result()
    print(
        f"{name} test accuracy {result['test_accuracy']:.2%} "
        f"(loss {result['test_loss']:.3f}, {result.get('weights', 'final weights')})"
    )
    print(f"weights, metrics and curves are in {directory.path}")
    return 0


def given(args, kind):
    """The options that were given and are fields of the dataclass `kind`."""
    values = {f.name: getattr(args, f.name, None) for f in fields(kind)}
    return {name: value for name, value in values.items() if value is not None}


def fit_to_data(args, config, dataset):
    """`config` with the data's image size, channels and classes, unless others were given."""
    height, width, channels = dataset.train_images.shape[1:]
    if height != width:
        raise ConfigError(f"{dataset.name}: images are {height} x {width}; they must be square")
    sizes = {"image_size": height, "channels": channels, "classes": len(dataset.classes)}
    for name, size in sizes.items():
        if getattr(args, name) not in (None, size):
            flag = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{flag} {getattr(args, name)}: {dataset.name} has {size}; leave the option out"
            )
    return replace(config, **sizes)


def introduce(run, device):
    """Say what is about to happen, and on which device."""
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


if __name__ == "__main__":
    sys.exit(ending.run(main))
