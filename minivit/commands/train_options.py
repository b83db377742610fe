"""The options of training, in groups. None stands for "not given": the preset's value, or the
saved run's."""

from .. import data
from ..config import Config
from ..training.presets import PRESETS
from ..training.recipe import Recipe
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
    """The parser with all options."""
    p = cli.Parser(
        prog="train.py",
        description="Train a Vision Transformer, written from scratch in NumPy.",
        epilog=EXAMPLES
        + "\n".join(f"  {name:6} {preset.expect}" for name, preset in PRESETS.items()),
    )
    _add_data(p.add_argument_group("what to train on"))
    _add_training(p.add_argument_group("how to train"))
    _add_recipe(p.add_argument_group("how to vary the images"), "images")
    _add_places(p.add_argument_group("where to run and write"))
    sizes = {"image_size": "the data's; 32 for a directory's"}
    sizes |= dict.fromkeys(("channels", "classes"), "the data's")
    cli.add_settings(
        p.add_argument_group("the model"), Config, defaults=_defaults(Config, "model") | sizes
    )
    return p


def _add_data(group):
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
    _add_recipe(group, "data")


def _add_training(group):
    group.add_argument(
        "--preset",
        type=cli.choice("preset", PRESETS),
        metavar="{" + ",".join(PRESETS) + "}",
        help="model and recipe (default: tiny, or base on a GPU)",
    )
    _add_recipe(group, "")


def _add_recipe(group, heading):
    """Add the fields of `Recipe` that belong under a heading."""
    names = [name for name, setting in Recipe.settings().items() if setting.group == heading]
    cli.add_settings(group, Recipe, names, _defaults(Recipe, "recipe"))


def _add_places(group):
    devices = ("auto", "cpu", "gpu")
    group.add_argument(
        "--device",
        type=cli.choice("device", devices),
        metavar="{" + ",".join(devices) + "}",
        default="auto",
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


def _defaults(kind, part):
    """{field of `kind`: its value when its option is not given, or words for it}, over all presets.

    part: "model" or "recipe", where a `Preset` has these fields.
    """
    defaults = {}
    for name in kind.settings():
        own = getattr(kind, name)
        values = {getattr(preset, part).get(name, own) for preset in PRESETS.values()}
        defaults[name] = values.pop() if len(values) == 1 else "the preset's"
    return defaults


def data_name(text):
    """A value type: one of the data sets' names in capitals or not, or a directory."""
    small = cli.words(text).casefold()
    return small if small in data.NAMES else text
