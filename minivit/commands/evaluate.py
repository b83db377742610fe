"""python -m minivit evaluate: how good a trained model is, and where it is wrong."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from ..config import Config
from ..errors import ConfigError, RunError
from ..evaluation import figures
from ..evaluation.as_json import as_json
from ..evaluation.images import PARTS, load_part, recipe_of
from ..evaluation.judge import evaluate
from ..evaluation.report import report
from ..parallel import crew
from ..resolution import WAY, of_trained
from ..storage import atomic, own_files
from .arguments import add_model, add_settings, choice, load_model, path
from .progress import Progress
from .target_options import add_targets
from .train_options import add_images, add_interpolation

JSON_FILE = "evaluation.json"
EPILOG = """\
By default the images are the test set of the model's own run, and the accuracy
is the one that the run printed. --split val: the images that the run held out
for its decisions; --split train: those it learned from, not augmented. Of a
directory without test/ the test set is one image in five, as in a training;
--split all takes all images.

examples:
  {prog} runs/shapes-smoke-1
  {prog} runs/shapes-smoke-1/best.npz --split val --json
  {prog} runs/cifar10-tiny-1 --tta --out figures
  {prog} runs/cifar10-tiny-1 --image-size 48
  {prog} runs/photos-tiny-1 --dataset others --split all
  {prog} runs/photos-tiny-1 --dataset new --targets new.csv
"""


def add_arguments(parser):
    """Add the command's options."""
    parser.usage = "%(prog)s MODEL [options]"
    add_model(parser)
    add_images(parser, "other images: a data set's name, or a directory (default: the run's own)")
    add_targets(parser)
    parser.add_argument(
        "--split",
        type=choice("split", PARTS),
        default="test",
        metavar="{" + ",".join(PARTS) + "}",
        help="which images of the data set",
    )
    size = {"image_size": "the model's"}
    add_settings(parser, Config, ("image_size",), size)
    add_interpolation(parser)
    parser.add_argument(
        "--tta",
        action="store_true",
        help="test-time flip as well: each image and its mirror image together; a result apart, "
        "in twice the time",
    )
    parser.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="write evaluation.json and figures (PNG) to DIR; needs matplotlib",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Judge the model, print what was found, write what --out asks for -> 0."""
    if args.out:
        figures.require_matplotlib()
        if Path(args.out).exists() and not Path(args.out).is_dir():
            raise ConfigError(f"--out {args.out} is a file; name a directory.")
        own_files.refuse_others(Path(args.out) / JSON_FILE, start=b'{\n  "model": ')
        for name in figures.FILES:
            own_files.refuse_others(Path(args.out) / name, mark=own_files.MARK.encode())
    trained = load_model(args)
    if args.image_size:
        trained, words = of_trained(trained, args.image_size, args.interpolation or WAY)
        say(f"note: {words}") if words else None
    elif args.interpolation:
        raise ConfigError("--interpolation is for another size: give it with --image-size")
    recipe = recipe_of(trained)
    part = load_part(trained, args.split, args.dataset, args.data_dir, say, vars(args))
    if part.rest:
        words = (
            f"there are {part.rest:,} other images in {part.dataset}: --split all takes them too"
        )
        part = replace(part, notes=(*part.notes, words))
    count = len(part.images)
    with crew.of_program(count) as workers, Progress(count * (1 + args.tta), " images") as progress:
        found = evaluate(
            trained,
            part.images,
            part.targets,
            flip=args.tta,
            micro_batch=recipe.micro_batch if recipe else 0,
            workers=workers,
            done=progress.update,
        )
    which = {"model": args.model, **weights_of(trained.about, recipe)}
    size = {"image_size": trained.config.image_size} if args.image_size else {}
    values = {**which, **size, **as_json(found, part)}
    if args.json:
        print(json.dumps(values, indent=2, allow_nan=False))
    else:
        print(f"{', '.join(map(str, which.values()))}\n{report(found, part)}")
    if args.out:
        written = write(Path(args.out), values, found, part)
        say(f"written to {args.out}: {', '.join(written)}")
    return 0


def say(line):
    """Print a line that is not part of the result."""
    print(line, file=sys.stderr, flush=True)


def weights_of(about, recipe):
    """Which weights of its run these are; {} where the file does not say."""
    if recipe is None:
        return {}
    return {
        "epoch": f"epoch {about.get('epochs')} of {recipe.epochs}",
        "weights": about.get("weights"),
    }


def write(directory, values, evaluation, part):
    """Write evaluation.json and the pictures, each of them whole or not at all -> their names."""
    files = {JSON_FILE: (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()}
    if evaluation.details:
        files |= figures.draw(evaluation, part)
    for name, content in files.items():
        with atomic.replacing(directory / name, RunError) as temporary:
            temporary.write_bytes(content)
    return list(files)
