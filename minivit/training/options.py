"""The options of `train.py`, in groups; what each is when it is not given."""

import argparse

from .. import cli, data
from ..data.prepare import POLICIES
from .recipe import PRESETS, Recipe
from .update import OPTIMIZERS

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
        type=data_name,
        metavar="NAME|DIR",
        help="auto, cifar10, cifar100, shapes or a directory of images "
        "(default: auto, CIFAR-10 if it can be had, else shapes)",
    )
    group.add_argument(
        "--data-dir",
        type=cli.path,
        metavar="DIR",
        help="where CIFAR is, or goes (default: $MINIVIT_DATA or data)",
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
        "--whiten",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="start the patch embedding as a whitening of the images' patches (default: the "
        "preset's)",
    )
    group.add_argument(
        "--first-size",
        type=cli.whole(0),
        metavar="PIXELS",
        help="begin on images made so small (default: off)",
    )
    group.add_argument(
        "--first-share",
        type=cli.number(0, 1),
        metavar="SHARE",
        help=f"of all steps, on those (default: {default('first_share')})",
    )
    group.add_argument(
        "--ema",
        type=cli.number(0, 0.999999),
        metavar="DECAY",
        help="measure a running mean of the weights (default: off)",
    )
    group.add_argument(
        "--micro-batch",
        type=cli.whole(0),
        metavar="N",
        help="at most so many images through the model at once; gradients are summed (default: as "
        "many as suit the device)",
    )
    group.add_argument(
        "--seed",
        type=cli.whole(0),
        metavar="N",
        help=f"of everything random (default: {default('seed')})",
    )
    _add_augmentation(p.add_argument_group("how to vary the images"))
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
        help="workers, one a core (default: the cores this process may use)",
    )
    group.add_argument(
        "--out",
        type=cli.path,
        metavar="DIR",
        help="run directory (default: runs/DATASET-PRESET-1, -2, ...)",
    )
    group.add_argument(
        "--resume",
        type=cli.path,
        metavar="DIR|FILE",
        help="go on with a run, from its last.npz or the checkpoint given",
    )
    cli.add_model_arguments(p, source="the preset's", data="the data's")
    return p


def _add_augmentation(group):
    """The options of `minivit.data.prepare`."""
    group.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="random crop and flip (default: on)",
    )
    group.add_argument(
        "--policy",
        type=cli.choice("policy", POLICIES),
        metavar="{" + ",".join(POLICIES) + "}",
        help=f"TrivialAugment or RandAugment (default: {default('policy')})",
    )
    group.add_argument(
        "--erasing",
        type=cli.number(0, 1),
        metavar="SHARE",
        help="of the images lose a rectangle (default: off)",
    )
    for name, words in (("mixup", "MixUp"), ("cutmix", "CutMix")):
        group.add_argument(
            f"--{name}",
            type=cli.number(),
            metavar="RATE",
            help=f"{words} with a share from Beta(RATE, RATE) (default: off)",
        )


def data_name(text):
    """A value type: one of the data sets' names in capitals or not, or a directory."""
    small = cli.words(text).casefold()
    return small if small in data.NAMES else text


def default(name):
    """What an option that is not given becomes, in words: the recipe's value or "the preset's"."""
    values = {preset.recipe.get(name, getattr(Recipe, name)) for preset in PRESETS.values()}
    return values.pop() if len(values) == 1 else "the preset's"
