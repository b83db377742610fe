"""The options of `train.py`, in groups; what each is when it is not given."""

import argparse

from .. import data
from ..data.augment.prepare import POLICIES
from ..training.recipe import PRESETS, Recipe
from ..training.update import OPTIMIZERS
from . import arguments as cli

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
    _add_data(p.add_argument_group("what to train on"))
    _add_training(p.add_argument_group("how to train"))
    _add_augmentation(p.add_argument_group("how to vary the images"))
    _add_places(p.add_argument_group("where to run and write"))
    pictures = {"image_size": "the data's; 32 for a directory's"}
    pictures |= dict.fromkeys(("channels", "classes"), "the data's")
    cli.add_model_arguments(p, source="the preset's", data=pictures)
    return p


def _add_data(group):
    where = "where CIFAR is, or goes (default: $MINIVIT_DATA or data)"
    what = f"{', '.join(data.NAMES)} or a directory of images"
    what += " (default: auto, CIFAR-10 if it can be had, else shapes)"
    add(group, "--dataset", data_name, "NAME|DIR", what)
    add(group, "--data-dir", cli.path, "DIR", where)
    add(group, "--val-fraction", cli.number(0, 0.9), "SHARE", "of the training images, held out")


def _add_training(group):
    share, rate, whole = cli.number(0, 1), cli.number(), cli.whole(0)
    preset = "model and recipe (default: tiny, or base on a GPU)"
    whiten = "start the patch embedding as a whitening of the images' patches"
    micro = "at most so many images through the model at once; gradients are summed"
    micro += " (default: as many as suit the device)"
    add(group, "--preset", cli.choice("preset", PRESETS), listed(PRESETS), preset)
    add(group, "--epochs", cli.whole(), "N", "passes over the training images")
    add(group, "--batch-size", cli.whole(), "N", "images a step")
    add(group, "--lr", cli.number(low_open=True), "RATE", "peak learning rate")
    add(group, "--weight-decay", rate, "RATE", "pull of matrices towards 0")
    add(group, "--warmup", share, "SHARE", "of all steps, with rising rate")
    optimizer = cli.choice("optimizer", OPTIMIZERS)
    add(group, "--optimizer", optimizer, listed(OPTIMIZERS), "update rule")
    add(group, "--smoothing", cli.number(0, 0.999), "SHARE", "label smoothing")
    add_switch(group, "--whiten", whiten)
    drop = cli.number(0, 0.99)
    add(group, "--first-drop", drop, "SHARE", "of the patches, left out in the first steps")
    add(group, "--first-size", whole, "PIXELS", "in the first steps, make images so small")
    add(group, "--first-share", share, "SHARE", "of all steps: where those two apply")
    add(group, "--ema", cli.number(0, 0.999999), "DECAY", "measure a running mean of the weights")
    add(group, "--micro-batch", whole, "N", micro)
    add(group, "--seed", whole, "N", "of everything random")


def _add_augmentation(group):
    """The options of `minivit.data.augment.prepare`."""
    policy = cli.choice("policy", POLICIES)
    share = "with a share from Beta(RATE, RATE)"
    add_switch(group, "--augment", "random crop and flip")
    add(group, "--policy", policy, listed(POLICIES), "none or RandAugment")
    add(group, "--erasing", cli.number(0, 1), "SHARE", "of the images lose a rectangle")
    add(group, "--mixup", cli.number(), "RATE", f"MixUp {share}")
    add(group, "--cutmix", cli.number(), "RATE", f"CutMix {share}")


def _add_places(group):
    devices = ("auto", "cpu", "gpu")
    workers = "workers, one a core (default: the cores this process may use)"
    out = "run directory (default: runs/DATASET-PRESET-1, -2, ...)"
    again = "go on with a run, from its last.npz or the checkpoint given"
    device = cli.choice("device", devices)
    cli.add(group, "--device", device, listed(devices), "NumPy or CuPy", default="auto")
    add(group, "--threads", cli.whole(), "N", workers)
    add(group, "--out", cli.path, "DIR", out)
    add(group, "--resume", cli.path, "DIR|FILE", again)


def add(group, flag, kind, metavar, text):
    """Add an option that takes a value; help says what it is when it is not given."""
    cli.add(group, flag, kind, metavar, text if "(default" in text else text + default(flag))


def add_switch(group, flag, text):
    """Add --FLAG and --no-FLAG."""
    action = argparse.BooleanOptionalAction
    group.add_argument(flag, action=action, default=None, help=text + default(flag))


def listed(names):
    """Names to choose from, for help: "{one,two}"."""
    return "{" + ",".join(names) + "}"


def data_name(text):
    """A value type: one of the data sets' names in capitals or not, or a directory."""
    small = cli.words(text).casefold()
    return small if small in data.NAMES else text


def default(flag):
    """What a recipe's option that is not given becomes, for help; "" for other options."""
    name = flag.removeprefix("--").replace("-", "_")
    if not hasattr(Recipe, name):
        return ""
    values = {preset.recipe.get(name, getattr(Recipe, name)) for preset in PRESETS.values()}
    value = values.pop() if len(values) == 1 else "the preset's"
    words = {True: "on", False: "off"} if name != "seed" else {}
    return f" (default: {words.get(value, value)})"
