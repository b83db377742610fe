"""python -m minivit predict: what a trained model says of image files: classes or numbers."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from ..costs import macs
from ..data import image_files
from ..errors import CheckpointError, ConfigError, DataError
from ..objective import Classification, MultiLabel
from ..objective.numbers import Numbers
from ..parallel import crew
from ..parallel.workers import available_cores
from ..storage import own_files
from ..text import class_names, counted, printable
from .arguments import add_model, load_model, path, whole
from .predict_reports import reports_of
from .progress import Progress

MACS, MOST = 4e10, 32  # a core's share of the images in memory at once: a second's work or less


def add_arguments(parser):
    """Add the command's arguments and options."""
    parser.usage = f"{parser.prog} MODEL IMAGE... [options]"
    add_model(parser)
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        type=path,
        help="an image file, or a folder: all images in it and in the folders below",
    )
    parser.add_argument(
        "--top", type=whole(), default=5, metavar="K", help="classes to show, the best first"
    )
    parser.add_argument(
        "--csv",
        type=path,
        metavar="FILE",
        help="write a table to FILE, one line an image, and draw no bars",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = f"""\
Images are {", ".join(image_files.FORMATS)} files. They are turned as their EXIF tag says,
made RGB without transparency, resized and normalised as the model was trained.
An image that cannot be read is named on stderr; the others are still predicted,
and the exit status is 1.

examples:
  {parser.prog} runs/shapes-smoke-1 cat.jpg
  {parser.prog} runs/shapes-smoke-1 photos --top 1 --csv photos.csv"""


def main(args):
    """Predict and print -> 0, or 1 if an image could not be read."""
    if args.csv:  # `--csv *.png` names an image
        own_files.refuse_others(args.csv, start=b"file,")
    trained = load_model(args)
    if not isinstance(trained.objective, Classification | MultiLabel | Numbers):
        raise ConfigError(
            f"{args.model} was trained for the objective {trained.objective.name!r}, which predict "
            "does not know; in Python, minivit.load(...).predict(images) gives its outputs."
        )
    numbers = isinstance(trained.objective, Numbers)
    files, left_out = image_files.find(args.images)
    if left_out:
        endings = ", ".join(image_files.ENDINGS)
        print(f"note: left out {counted(left_out, 'file')} not named {endings}", file=sys.stderr)
    names = trained.classes or getattr(trained.objective, "targets", ())
    names = class_names(names, trained.config.classes)
    failed, top = 0, None if numbers else args.top
    with ExitStack() as opened:
        opened.enter_context(image_files.reading("images", trained.config.channels))
        progress = opened.enter_context(Progress(len(files), " images"))
        reports = [
            opened.enter_context(report) for report in reports_of(args, names, top, progress)
        ]
        for file, best, problem in predictions(trained, files, top):
            if problem:
                failed += 1
                progress.print(f"error: {printable(problem)}", sys.stderr)
            for add in reports:
                add(str(file), [(names[i], p) for i, p in best], problem)
            progress.update()
    return 1 if failed else 0


def predictions(trained, files, top):
    """Yield (file, [(class, probability), ...], "") for each file, the most probable class first.

    Where `top` is None: [(target, number), ...], all of them in their order.
    For a file that cannot be read: (file, [], the sentence). Files are read and predicted a few at
    a time, on all cores. Raises CheckpointError for a model whose outputs are not finite.
    """
    cores = available_cores()
    chunk = cores * min(MOST, max(2, int(MACS / macs(trained.config))))

    def read(file):
        if not file.exists():
            return f"there is no file {file}."
        try:
            config = trained.config
            return image_files.read(file, config.image_size, config.channels, trained.crop)
        except DataError as error:
            return " ".join(str(error).splitlines())

    with crew.of_program(len(files)) as workers, ThreadPoolExecutor(cores) as pool:
        for start in range(0, len(files), chunk):
            some = files[start : start + chunk]
            try:
                images = list(pool.map(read, some))
            except RuntimeError:  # the system has no thread left
                images = list(map(read, some))
            good = [image for image in images if not isinstance(image, str)]
            outputs = iter(trained.predict(np.stack(good), workers) if good else ())
            for file, image in zip(some, images, strict=True):
                if isinstance(image, str):
                    yield file, [], image
                    continue
                row = next(outputs)
                if not np.isfinite(row).all():
                    raise CheckpointError(f"the model's outputs for {file} are not finite numbers.")
                best = np.argsort(-row, kind="stable")[:top] if top else np.arange(len(row))
                yield file, [(int(i), float(row[i])) for i in best], ""
