"""The options of training, in groups.

None stands for an option that was not given: then the preset's value holds, or the saved run's.
"""

from textwrap import fill

from .. import data
from ..arrays.interpolation import WAYS
from ..config import Config
from ..masked import MaskedConfig
from ..parallel.workers import MOST_WORKERS
from ..ranks.launch import MPI
from ..residual import ResidualConfig
from ..resolution import WAY
from ..training.presets import PRESETS
from ..training.recipe import Recipe
from .arguments import add_settings, choice, path, whole, words
from .target_options import add_targets

RESIDUAL = ("unit", "units", "width", "groups")  # fields of ResidualConfig that a ViT has not
EPILOG = """\
examples:
  {prog}
      CIFAR-10 if it is there or can be downloaded, else Fashion-MNIST or shapes
  {prog} --dataset shapes --preset smoke
      a first look, in half a minute
  {prog} --dataset cifar10 --data-dir DIR
      CIFAR-10 from DIR, or an error
  {prog} --dataset photos
      your own images: photos/CLASS/*.png, or photos/train/CLASS/*.png
  {prog} --dataset places --preset smoke
      regression: where on the picture is the figure, in pixels
  {prog} --dataset photos --targets photos.csv
      regression on your own images
  {prog} --resume runs/cifar10-tiny-1
      go on after Ctrl-C
  {prog} --from runs/cifar10-tiny-1 --dataset photos
      fine-tune a trained model on your own images
  {prog} --objective masked --out runs/masked
      learn without labels; then --from runs/masked

presets:
{presets}"""


def add_arguments(parser):
    """Add all options."""
    presets = "\n".join(
        fill(preset.expect, 79, initial_indent=f"  {name:12} ", subsequent_indent=" " * 15)
        for name, preset in PRESETS.items()
    )
    parser.epilog = EPILOG.format(prog=parser.prog, presets=presets)
    parser.set_defaults(program=parser.prog)  # as the user started it
    _add_data(parser.add_argument_group("what to train on"))
    _add_training(parser.add_argument_group("how to train"))
    _add_recipe(parser.add_argument_group("how to vary the images"), "images")
    _add_places(parser.add_argument_group("where to run and write"))
    sizes = {"image_size": "the data's; 32 for a directory's"}
    sizes |= {"channels": "the data's; 3 for a directory's", "classes": "the data's"}
    model = parser.add_argument_group("the model")
    add_settings(model, Config, defaults=_defaults(Config, "model") | sizes)
    residual = parser.add_argument_group("the model, with --preset resnet-20 or resnet-29")
    add_settings(residual, ResidualConfig, RESIDUAL, _defaults(ResidualConfig, "model"))
    masked = parser.add_argument_group("the model, with --objective masked")
    add_settings(masked, MaskedConfig, ("mask_target", "mask_share"))


def _add_data(group):
    group.add_argument(
        "--dataset",
        type=data_name,
        metavar="NAME|DIR",
        help=f"{', '.join(data.NAMES)} or a directory of images "
        "(default: auto, CIFAR-10 if it can be had, else Fashion-MNIST if it is here, else shapes)",
    )
    group.add_argument(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="where data sets are, or are downloaded to (default: $MINIVIT_DATA or data)",
    )
    add_targets(group)
    _add_recipe(group, "data")


def _add_training(group):
    group.add_argument(
        "--preset",
        type=choice("preset", PRESETS),
        metavar="NAME",
        help="model and recipe, see below (default: tiny, base on a GPU, or finetune with --from)",
    )
    group.add_argument(
        "--from",
        dest="start",
        type=path,
        metavar="MODEL",
        help="begin with the weights of a trained model: a run, a checkpoint or a model file; "
        "for other classes its head is replaced",
    )
    add_interpolation(group)
    _add_recipe(group, "")


def add_interpolation(group):
    """Add the option that says how positions are interpolated."""
    group.add_argument(
        "--interpolation",
        type=choice("interpolation", WAYS),
        metavar="{" + ",".join(WAYS) + "}",
        help=f"how positions of a trained model are taken to another image size (default: {WAY})",
    )


def _add_recipe(group, heading):
    """Add the fields of `Recipe` that belong under a heading."""
    names = [name for name, setting in Recipe.settings().items() if setting.group == heading]
    add_settings(group, Recipe, names, _defaults(Recipe, "recipe"))


def _add_places(group):
    devices = ("auto", "cpu", "gpu")
    group.add_argument(
        "--device",
        type=choice("device", devices),
        metavar="{" + ",".join(devices) + "}",
        default="auto",
        help="cpu: NumPy; gpu: CuPy; auto: the GPU if it can be used",
    )
    group.add_argument(
        "--threads",
        type=whole(1, MOST_WORKERS),
        metavar="N",
        help="number of workers, one per core (default: the cores this process may use)",
    )
    group.add_argument(
        "--ranks",
        type=ranks,
        metavar="N|mpi",
        help="stop unless MPI started so many ranks, or any: mpiexec -n N, see docs/scale.md "
        "(default: as many as MPI started, or this process alone)",
    )
    group.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="run directory, new or empty (default: runs/DATASET-PRESET-1, -2, ...); with "
        "--resume: go on there, and leave the old one as it is",
    )
    group.add_argument(
        "--resume",
        type=path,
        metavar="DIR|FILE",
        help="go on with a run, from its last.npz or the checkpoint given",
    )
    group.add_argument(
        "--exact",
        action="store_true",
        help="with --resume: go on only where it ends with the same bits as without a break",
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


def ranks(text):
    """A value type: a number of ranks, or "mpi"."""
    return MPI if text.casefold() == MPI else whole(1)(text)


def add_images(parser, other):
    """Add the options for images of another data set than a model's run had. other: the help."""
    parser.add_argument("--dataset", type=data_name, metavar="NAME|DIR", help=other)
    parser.add_argument(
        "--data-dir", type=path, metavar="DIR", help="where the files of a named data set are"
    )


def data_name(text):
    """A value type: a data set's name in upper or lower case, or a directory."""
    small = words(text).casefold()
    return small if small in data.NAMES else text
