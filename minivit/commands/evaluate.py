"""python -m minivit evaluate: how good a trained model is, and where it is wrong."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path

from .. import trained
from ..errors import ConfigError, RunError
from ..evaluation import figures
from ..evaluation.as_json import as_json
from ..evaluation.images import PARTS, load_part, saved_run
from ..evaluation.judge import evaluate
from ..evaluation.report import report
from ..storage import atomic
from ..training.progress import on_terminal
from .arguments import choice, path
from .train_options import data_name

EPILOG = """\
By default the images are the test set of the model's own run, and the accuracy
is the number that the run printed. --split val: the images that the run held out
for its decisions; --split train: those it learned from, not augmented.

examples:
  {prog} runs/shapes-smoke-1
  {prog} runs/shapes-smoke-1/best.npz --split val --json
  {prog} runs/cifar10-tiny-1 --tta --out figures
  {prog} runs/photos-tiny-1 --dataset other-photos
"""


def add_arguments(parser):
    """Add the command's options."""
    parser.usage = "%(prog)s MODEL [options]"
    parser.add_argument("model", type=path, metavar="MODEL", help="a run's directory or checkpoint")
    parser.add_argument(
        "--dataset",
        type=data_name,
        metavar="NAME|DIR",
        help="other images: a data set's name, or a directory (default: the run's own)",
    )
    parser.add_argument(
        "--data-dir", type=path, metavar="DIR", help="where the files of a named data set are"
    )
    parser.add_argument(
        "--split",
        type=choice("split", PARTS),
        default="test",
        metavar="{" + ",".join(PARTS) + "}",
        help="which images of the data set",
    )
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
    model, run = trained.load(args.model), saved_run(args.model)
    part = load_part(
        model,
        run,
        args.split,
        args.dataset,
        args.data_dir,
        lambda line: print(line, file=sys.stderr),
    )
    passes = 2 if args.tta else 1
    with bar(passes * len(part.images)) as done:
        found = evaluate(
            model,
            part.images,
            part.targets,
            flip=args.tta,
            micro_batch=run.recipe.micro_batch if run else 0,
            done=done,
        )
    values = {"model": described(args.model, run), **as_json(found, part)}
    if args.json:
        print(json.dumps(values, indent=2, allow_nan=False))
    else:
        print(f"{values['model']}\n{report(found, part)}")
    if args.out:
        written = write(Path(args.out), values, found, part)
        print(f"\nwritten to {args.out}: {', '.join(written)}", file=sys.stderr)
    return 0


def described(path, run):
    """Which weights these are."""
    if run is None:
        return str(path)
    done, epochs = run.meta["position"]["epochs_done"], run.recipe.epochs
    weights = ", running mean of the weights" if run.recipe.ema else ""
    return f"{path}: epoch {done} of {epochs}{weights}"


def write(directory, values, evaluation, part):
    """Write evaluation.json and the pictures, each of them whole or not at all -> their names."""
    files = {"evaluation.json": (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()}
    if evaluation.details:
        files |= figures.draw(evaluation, part)
    for name, content in files.items():
        with atomic.replacing(directory / name, RunError) as temporary:
            temporary.write_bytes(content)
    return list(files)


@contextmanager
def bar(images):
    """A progress bar on a terminal, from the third second on -> the function that moves it."""
    from tqdm import tqdm

    hidden = not on_terminal(sys.stderr)
    with tqdm(total=images, unit=" images", delay=2, leave=False, disable=hidden) as shown:
        yield shown.update
