"""python -m minivit import: read the weights of other programs."""

import argparse
import json
import os
from functools import partial

from ..errors import ConfigError
from ..text import binary, shell
from .arguments import path, whole
from .exits import after
from .progress import Progress

LARGEST_SIDE = 8192  # pixels


def add_arguments(parser):
    """Add the command's arguments and options."""
    parser.usage = f"{parser.prog} FILE OUT [options]"
    parser.add_argument(
        "file",
        metavar="FILE",
        type=path,
        help="weights: an npz of the ViT authors or big_vision, a safetensors file of timm or "
        "Hugging Face, or a directory with model.safetensors",
    )
    parser.add_argument(
        "out", metavar="OUT", type=path, help="the file to write, which minivit.load opens"
    )
    parser.add_argument(
        "--image-size",
        type=whole(high=LARGEST_SIDE),
        metavar="N",
        help="for images of N x N pixels: resample the position embeddings",
    )
    parser.add_argument(
        "--classes",
        type=whole(high=1_000_000),
        metavar="N",
        help="a new head at zero, for N classes, instead of the file's",
    )
    parser.add_argument(
        "--heads",
        type=whole(high=1_000_000),
        metavar="N",
        help="attention heads, for a file that does not say how many",
    )
    for name, lowest in (("mean", 0), ("std", 1e-6)):
        parser.add_argument(
            f"--{name}",
            type=partial(shares, lowest),
            metavar="X[,Y,Z]",
            help=f"{name} of the input in 0..1, where you know better than the file",
        )
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = f"""\
What the file does not say is taken from its program, and each such value is
shown with where it is from. No deep-learning library is needed; safetensors
files need the package safetensors.

examples:
  {parser.prog} B_16.npz b16.npz
  {parser.prog} vit-base-patch16-224/ b16.npz --image-size 384
  python -m minivit predict b16.npz cat.jpg"""


def shares(lowest, text):
    """A value type: numbers from `lowest` to 1 with commas between them."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(lowest <= value <= 1 for value in values):
        raise argparse.ArgumentTypeError(
            f"must be numbers such as 0.5,0.5,0.5, of pixels from 0 to 1; got {text!r}"
        )
    return values


def main(args):
    """Import, save and report -> 0."""
    from ..pretrained.importing import read  # here: it brings data and training along

    if os.path.lexists(args.out):
        raise ConfigError(f"{args.out} is there already; import writes over nothing, so name "
                          "another place or remove it.")  # fmt: skip
    imported = read(
        args.file,
        image_size=args.image_size,
        classes=args.classes,
        heads=args.heads,
        mean=args.mean,
        std=args.std,
        progress=lambda total: Progress(total, " arrays"),
    )
    imported.trained.save(args.out)
    with after(f"The model is written: {args.out}"):
        if args.json:
            print(json.dumps({**imported.report.to_dict(), "out": args.out}, indent=2))
            return 0
        print(imported.report.text())
        size = binary(os.path.getsize(args.out))
        print(f"written {shell(args.out)}, {size}: python -m minivit predict "
              f"{shell(args.out)} IMAGE")  # fmt: skip
    return 0
