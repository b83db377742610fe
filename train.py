"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest."""

import sys
from dataclasses import fields, replace
from pathlib import Path

from minivit import cli
from minivit.backend import select
from minivit.config import Config
from minivit.data import load
from minivit.errors import ConfigError
from minivit.training import checkpoint
from minivit.training.directory import RunDirectory
from minivit.training.recipe import PRESETS, Recipe
from minivit.training.run import Run
from minivit.training.update import OPTIMIZERS
from minivit.training.workers import Workers

EXAMPLES = """\
examples:
  python train.py                              CIFAR-10 if it can be had, else shapes
  python train.py --dataset shapes --preset smoke      a first look, in a minute
  python train.py --dataset cifar10 --data-dir ~/data  never anything but CIFAR-10
  python train.py --dataset photos/            photos/train/CLASS/*.png, photos/test/...
  python train.py --resume runs/cifar10-tiny-1         go on after Ctrl-C

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
        help=f"of the training images, held out (default: {Recipe.val_fraction})",
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
        help="passes over the training images (default: the preset's)",
    )
    group.add_argument(
        "--batch-size",
        type=cli.whole(),
        metavar="N",
        help=f"images a step (default: {Recipe.batch_size})",
    )
    group.add_argument(
        "--lr", type=cli.number(), metavar="RATE", help=f"peak learning rate (default: {Recipe.lr})"
    )
    group.add_argument(
        "--weight-decay",
        type=cli.number(),
        metavar="RATE",
        help=f"pull of matrices towards 0 (default: {Recipe.weight_decay})",
    )
    group.add_argument(
        "--warmup",
        type=cli.number(0, 1),
        metavar="SHARE",
        help=f"of all steps, with rising rate (default: {Recipe.warmup})",
    )
    group.add_argument(
        "--optimizer",
        type=cli.choice("optimizer", OPTIMIZERS),
        metavar="{" + ",".join(OPTIMIZERS) + "}",
        help=f"update rule (default: {Recipe.optimizer})",
    )
    group.add_argument(
        "--smoothing",
        type=cli.number(0, 0.999),
        metavar="SHARE",
        help=f"label smoothing (default: {Recipe.smoothing})",
    )
    group.add_argument(
        "--seed",
        type=cli.whole(0),
        metavar="N",
        help=f"of everything random (default: {Recipe.seed})",
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
    cli.add_model_arguments(p, source="the preset's, or the data's")
    return p  # fmt: skip


def main(argv):
    """Train as the options say; print where everything is, and last the test accuracy."""
    args = parser().parse_args(argv)
    xp = select(args.device)
    if args.resume:
        start = Path(args.resume)
        start = start / "last.npz" if start.is_dir() else start
        meta = checkpoint.read_meta(start)
        config, recipe, preset = Config(**meta["model"]), Recipe(**meta["recipe"]), meta["preset"]
        refuse_changes(args, config, recipe, preset)
        directory = RunDirectory(args.out or start.parent)
    else:
        preset = args.preset or ("tiny" if xp.__name__ == "numpy" else "base")
        config = cli.model_config(args, **PRESETS[preset].model)
        recipe = replace(Recipe(**PRESETS[preset].recipe), **given(args, Recipe))
        directory = RunDirectory.new(args.out) if args.out else None
    name = args.dataset or (meta["source"] if args.resume else "auto")
    dataset = load(name, args.data_dir, seed=0, image_size=config.image_size)
    config = fit_to_data(args, config, dataset)
    directory = directory or RunDirectory.numbered("runs", f"{dataset.name}-{preset}")
    with Workers(args.threads) as workers:
        run = Run(config, recipe, dataset, directory, workers, xp, preset, source=name)
        if args.resume:
            run.resume(start)
        introduce(run, workers, xp)
        loss, accuracy = run.train()
    print(f"{dataset.name} test accuracy {accuracy:.2%} (loss {loss:.3f}, final weights)")
    print(f"weights, metrics and curves are in {directory.path}")
    return 0


def given(args, kind):
    """The options that were given and are fields of the dataclass `kind`."""
    values = {f.name: getattr(args, f.name, None) for f in fields(kind)}
    return {name: value for name, value in values.items() if value is not None}


def refuse_changes(args, config, recipe, preset):
    """Raise ConfigError if an option given with --resume is not what the run was begun with."""
    saved = {**config.to_dict(), **recipe.to_dict(), "preset": preset}
    asked = {**given(args, Config), **given(args, Recipe)}
    asked |= {"preset": args.preset} if args.preset else {}
    changed = [f"{n} is {saved[n]}, not {v}" for n, v in asked.items() if saved[n] != v]
    if changed:
        raise ConfigError(
            f"--resume {args.resume} continues a run as it was begun: {'; '.join(changed)}. "
            "Leave the option out, or start a new run."
        )


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
