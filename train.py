"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest."""

import sys
from dataclasses import fields, replace
from pathlib import Path

from minivit import cli
from minivit.backend import select
from minivit.config import Config
from minivit.data import load
from minivit.errors import ConfigError
from minivit.training.directory import RunDirectory
from minivit.training.recipe import PRESETS, Recipe
from minivit.training.run import Run
from minivit.training.saved import SavedRun
from minivit.training.update import OPTIMIZERS
from minivit.training.workers import Workers

EXAMPLES = """\
examples:
  python train.py                                     CIFAR-10 if it can be had
  python train.py --dataset shapes --preset smoke     a first look
  python train.py --dataset cifar10 --data-dir DIR    from DIR, or an error
  python train.py --dataset photos                    photos/train/CLASS/*.png
  python train.py --resume runs/cifar10-tiny-1        go on after Ctrl-C

presets:
"""


def parser():
    """The options, in groups. None stands for "not given": the preset's value, or the run's."""
    presets = "\n".join(f"  {name:6} {preset.expect}" for name, preset in PRESETS.items())
    p = cli.Parser(
        prog="train.py",
        description="Train a Vision Transformer, written from scratch in NumPy.",
        epilog=EXAMPLES + presets,
    )
    group = p.add_argument_group("what to train on")
    group.add_argument(
        "--dataset",
        metavar="NAME|DIR",
        help="auto, cifar10, cifar100, shapes or a directory of images "
        "(default: auto, CIFAR-10 if it can be had, else shapes)",
    )
    group.add_argument(
        "--data-dir", metavar="DIR", help="where CIFAR is, or goes (default: $MINIVIT_DATA or data)"
    )
    group.add_argument(
        "--val-fraction",
        type=cli.number(0, 0.9),
        metavar="SHARE",
        help=f"of the training images, held out (default: {default('val_fraction')})",
    )
    group = p.add_argument_group("how to train")
    preset = cli.choice("preset", PRESETS)
    group.add_argument(
        "--preset",
        type=preset,
        metavar="{" + ",".join(PRESETS) + "}",
        help="model and recipe (default: tiny, or base on a GPU)",
    )
    group.add_argument(
        "--epochs",
        type=cli.whole(),
        metavar="N",
        help=f"passes over the training images (default: {default('epochs')})",
    )
    group.add_argument(
        "--batch-size",
        type=cli.whole(),
        metavar="N",
        help=f"images a step (default: {default('batch_size')})",
    )
    group.add_argument(
        "--lr",
        type=cli.number(low_open=True),
        metavar="RATE",
        help=f"peak learning rate (default: {default('lr')})",
    )
    group.add_argument(
        "--weight-decay",
        type=cli.number(),
        metavar="RATE",
        help=f"pull of matrices towards 0 (default: {default('weight_decay')})",
    )
    group.add_argument(
        "--warmup",
        type=cli.number(0, 1),
        metavar="SHARE",
        help=f"of all steps, with rising rate (default: {default('warmup')})",
    )
    group.add_argument(
        "--optimizer",
        type=cli.choice("optimizer", OPTIMIZERS),
        metavar="{" + ",".join(OPTIMIZERS) + "}",
        help=f"update rule (default: {default('optimizer')})",
    )
    group.add_argument(
        "--smoothing",
        type=cli.number(0, 0.999),
        metavar="SHARE",
        help=f"label smoothing (default: {default('smoothing')})",
    )
    group.add_argument(
        "--seed",
        type=cli.whole(0),
        metavar="N",
        help=f"of everything random (default: {default('seed')})",
    )
    group = p.add_argument_group("where to run and write")
    group.add_argument(
        "--device",
        type=cli.choice("device", ("auto", "cpu", "gpu")),
        default="auto",
        metavar="{auto,cpu,gpu}",
        help="NumPy or CuPy",
    )
    group.add_argument(
        "--threads",
        type=cli.whole(),
        metavar="N",
        help="worker threads (default: the cores this process may use)",
    )
    group.add_argument(
        "--out", metavar="DIR", help="run directory (default: runs/DATASET-PRESET-1, -2, ...)"
    )
    group.add_argument(
        "--resume",
        metavar="DIR|FILE",
        help="go on with a run, from its last.npz or the checkpoint given",
    )
    cli.add_model_arguments(p, source="the preset's", data="the data's")
    return p  # fmt: skip


def main(argv):
    """Train as the options say; print where everything is, and last the test accuracy."""
    args = parser().parse_args(argv)
    xp = select(args.device)
    saved = SavedRun.read(args.resume) if args.resume else None
    if saved:
        config, recipe, preset, directory, source = continued(args, saved)
        if saved.complete and directory.result():
            print(f"{directory.path} is complete: {recipe.epochs} of {recipe.epochs} epochs done")
            return conclude(saved.meta["dataset"]["name"], directory)
    else:
        preset = args.preset or ("tiny" if xp.__name__ == "numpy" else "base")
        config = cli.model_config(args, **PRESETS[preset].model)
        recipe = replace(Recipe(**PRESETS[preset].recipe), **given(args, Recipe))
        directory = RunDirectory.new(args.out) if args.out else None
        source = {"dataset": "auto", "data_dir": None}
    source |= {name: getattr(args, name) for name in source if getattr(args, name) is not None}
    dataset = load(source["dataset"], source["data_dir"], image_size=config.image_size)
    if source["dataset"] == "auto":
        source["dataset"] = dataset.name  # resuming means this one, whatever can be had then
    config = fit_to_data(args, config, dataset)
    directory = directory or RunDirectory.numbered("runs", f"{dataset.name}-{preset}")
    with Workers(args.threads) as workers:
        run = Run(config, recipe, dataset, directory, workers, xp, preset, source)
        if saved:
            run.resume(saved.path)
        introduce(run, workers, xp)
        run.train()
    return conclude(dataset.name, directory)


def continued(args, saved):
    """What a saved run goes on with: config, recipe, preset, directory, source of the data.

    Raises ConfigError if an option says otherwise.
    """
    preset = {"preset": args.preset} if args.preset else {}
    saved.refuse_options(**given(args, Config), **given(args, Recipe), **preset)
    directory = RunDirectory(saved.path.parent)
    if args.out and Path(args.out).resolve() != directory.path.resolve():
        raise ConfigError(f"--resume goes on in {directory.path}; leave out --out {args.out}.")
    source = dict(saved.meta["source"])
    return saved.config, saved.recipe, saved.meta["preset"], directory, source


def conclude(name, directory):
    """Print the result, naming the data it was measured on, and where the files are -> status 0."""
    result = directory.result()
    print(
        f"{name} test accuracy {result['test_accuracy']:.2%} "
        f"(loss {result['test_loss']:.3f}, final weights)"
    )
    print(f"weights, metrics and curves are in {directory.path}")
    return 0


def given(args, kind):
    """The options that were given and are fields of the dataclass `kind`."""
    values = {f.name: getattr(args, f.name, None) for f in fields(kind)}
    return {name: value for name, value in values.items() if value is not None}


def default(name):
    """What an option that is not given becomes, in words: the recipe's value or "the preset's"."""
    values = {preset.recipe.get(name, getattr(Recipe, name)) for preset in PRESETS.values()}
    return values.pop() if len(values) == 1 else "the preset's"


def fit_to_data(args, config, dataset):
    """`config` with the data's image size, channels and classes, unless others were given."""
    height, width, channels = dataset.train_images.shape[1:]
    if height != width:
        raise ConfigError(f"{dataset.name}: images are {height} x {width}; they must be square")
    sizes = {"image_size": height, "channels": channels, "classes": len(dataset.classes)}
    for name, size in sizes.items():
        if getattr(args, name) not in (None, size):
            flag = "--" + name.replace("_", "-")
            raise ConfigError(f"{flag} {getattr(args, name)}: {dataset.name} has {size}")
    return replace(config, **sizes)


def introduce(run, workers, xp):
    """Say what is about to happen."""
    data, c = run.dataset, run.config
    if data.note:
        print(data.note)
    if workers.note:
        print(workers.note)
    print(
        f"{data.name}: {len(run.training):,} training, {len(run.validation):,} validation, "
        f"{len(data.test_images):,} test images, {len(data.classes)} classes"
    )
    print(
        f"ViT {run.preset}: width {c.dim}, {c.depth} blocks, {c.heads} heads, MLP {c.mlp_dim}, "
        f"patch {c.patch_size}, {len(run.trainer.vector):,} parameters"
    )
    device = f"{workers.threads} CPU threads" if xp.__name__ == "numpy" else "GPU"
    print(f"{run.recipe.epochs} epochs of {run.steps_per_epoch} steps on {device}, "
          f"writing to {run.directory.path}", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(cli.run(main))
