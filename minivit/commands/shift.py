"""python -m minivit shift: how much a model's accuracy depends on where things are."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..evaluation.images import load_part
from ..evaluation.shift import DIRECTIONS, shift_curve
from ..figures.drawing import FORMATS, require_matplotlib, save, style
from ..parallel import crew
from ..text import shell
from ..trained import load
from .arguments import choice, path, whole
from .progress import Progress
from .train_options import add_images

IMAGES = 1000
EPILOG = """\
Each image is moved by some pixels; what leaves on one side comes in on the
other. Without position embeddings a shift by whole patches would change
nothing; with them, and by less than a patch, it does.

examples:
  {prog} runs/cifar10-tiny-1
  {prog} runs/patches runs/hybrid --out figures
  {prog} model.npz --dataset cifar10 --json
"""


def add_arguments(parser):
    """Add the command's options."""
    parser.usage = "%(prog)s MODEL [MODEL ...] [options]"
    parser.add_argument("models", metavar="MODEL", nargs="+", type=path,
                        help="a run's directory, a checkpoint, or a file that import or export "
                        "made; several are compared")  # fmt: skip
    add_images(parser, "other test images than those of each model's run")
    parser.add_argument(
        "--images", type=whole(), default=IMAGES, metavar="N", help="test images, at most"
    )
    parser.add_argument("--pixels", type=whole(), metavar="N",
                        help="largest shift (default: half of the image)")  # fmt: skip
    parser.add_argument(
        "--direction",
        type=choice("direction", DIRECTIONS),
        default="right",
        metavar="{" + ",".join(DIRECTIONS) + "}",
        help="where to; diagonal: right and down",
    )
    parser.add_argument("--out", type=path, metavar="DIR",
                        help="draw the curves too, to DIR/shift.png")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Measure and print -> 0."""
    if args.out:
        require_matplotlib()
        if Path(args.out).exists() and not Path(args.out).is_dir():
            raise ConfigError(f"--out {shell(args.out)} is a file; name a directory")
    models = [load(model) for model in args.models]
    names = names_of(args.models)
    sizes = sorted({side for trained in models for side in trained.config.image_shape[:2]})
    most = sizes[0] // 2 if args.pixels is None else args.pixels
    if most >= sizes[0]:
        raise ConfigError(f"--pixels must be below the images' {sizes[0]} pixels; got {most}")
    parts = [load_part(trained, "test", args.dataset, args.data_dir, say) for trained in models]
    curves = []
    with (
        crew.of_program(args.images) as workers,
        Progress(len(models) * (most + 1), " shifts") as progress,
    ):
        for name, trained, part in zip(names, models, parts, strict=True):
            count = min(args.images, len(part.images))
            some = np.arange(count) * len(part.images) // count  # from all over the set
            images, labels = part.images[some], part.targets[some]
            pixels = range(most + 1)
            curves.append(shift_curve(name, trained, images, labels, pixels, args.direction,
                                      progress.update, workers))  # fmt: skip
    result = {"direction": args.direction, "models": [asdict(curve) for curve in curves]}
    if args.json:
        print(json.dumps(result, indent=2, allow_nan=False))
    else:
        print(table(curves, args.direction))
    if args.out:
        from ..figures.shift import draw_shift

        with style():
            files = save(draw_shift(curves, args.direction), args.out, FORMATS[:1], 200)
        say(f"written: {', '.join(map(str, files))}")
    return 0


def names_of(paths):
    """A name for each model: the last part of its path; of equal ones, the whole path."""
    last = [Path(p).resolve().name for p in paths]
    return [n if last.count(n) == 1 else str(p) for n, p in zip(last, paths, strict=True)]


def table(curves, direction):
    """A line for each shift; * marks those by whole patches."""
    head = [f"shift {direction}", *(curve.name for curve in curves)]
    widths = [max(14, len(head[0])), *(max(19, len(name)) for name in head[1:])]
    lines = ["  ".join([head[0].ljust(widths[0]), *map(str.rjust, head[1:], widths[1:])])]
    for i, pixels in enumerate(curves[0].pixels):
        cells = [f"{pixels} pixel{'s' * (pixels != 1)}".ljust(widths[0])]
        for curve, width in zip(curves, widths[1:], strict=True):
            star = "*" if curve.whole_patches(pixels) else " "
            cells.append(f"{curve.accuracy[i]:.1%}{star} ({curve.same[i]:>6.1%})".rjust(width))
        lines.append("  ".join(cells))
    counts = ", ".join(f"{count:,}" for count in sorted({curve.count for curve in curves}))
    return "\n".join([*lines, "", f"accuracy on {counts} test images (share whose class is as "
                      "unshifted)\n* a shift by whole patches"])  # fmt: skip


def say(line):
    """Print a line that is not part of the result."""
    print(line, file=sys.stderr, flush=True)
