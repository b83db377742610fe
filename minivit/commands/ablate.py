"""python -m minivit ablate: a comparison of several models on equal terms, in a given time."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from .. import data
from ..ablation.results import as_json, as_text, results_of
from ..ablation.schedule import described
from ..ablation.tables import TABLES
from ..ablation.turns import Comparison
from ..config import Config
from ..errors import BackendError
from ..figures.drawing import FORMATS, save, style
from ..parallel.workers import MOST_WORKERS
from ..storage import atomic, own_files
from ..storage.lock import locked
from ..training.presets import FINE_TUNING, PRESETS
from .arguments import choice, number, path, whole
from .progress import require_tqdm
from .train_options import data_name

MOST_MINUTES = 60 * 24 * 365  # a year
EPILOG = """\
All rows get the same number of passes over the training images: as many as fit
into the budget. A few seconds of training say how long a pass of each row
takes. Rows take turns, a seed at a time. The same command goes on after Ctrl-C;
every run is an ordinary one, in a directory of its own under --out.

tables:
{tables}

examples:
  {prog} pool --dataset cifar10 --budget 60 --seeds 3
  {prog} gelu --dataset shapes --preset smoke --budget 4
"""


def add_arguments(parser):
    """Add the command's arguments and options."""
    presets = [name for name in PRESETS if name != FINE_TUNING]
    parser.usage = "%(prog)s TABLE [options]"
    parser.add_argument("table", metavar="TABLE", type=choice("table", TABLES),
                        help="what to compare; see below")  # fmt: skip
    minutes = number(0, MOST_MINUTES, low_open=True)
    parser.add_argument("--budget", type=minutes, default=60.0, metavar="MINUTES",
                        help="minutes that all runs together may take")  # fmt: skip
    parser.add_argument("--seeds", type=whole(1, 100), default=1, metavar="N",
                        help="runs of each row, from seeds 0, 1, ...")  # fmt: skip
    parser.add_argument("--dataset", type=data_name, default="auto", metavar="NAME|DIR",
                        help="as of train")  # fmt: skip
    parser.add_argument("--data-dir", type=path, metavar="DIR",
                        help="where the files of a named data set are")  # fmt: skip
    parser.add_argument("--preset", type=choice("preset", presets), default="tiny",
                        metavar="{" + ",".join(presets) + "}",
                        help="what the rows differ from")  # fmt: skip
    parser.add_argument("--threads", type=whole(1, MOST_WORKERS), metavar="N",
                        help="number of workers, one per core")  # fmt: skip
    parser.add_argument("--out", type=path, metavar="DIR",
                        help="where runs and results are "
                        "(default: runs/ablate-TABLE-DATASET-PRESET-MINUTES)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    tables = "\n".join(f"  {name:<10} {table.question}" for name, table in TABLES.items())
    parser.epilog = EPILOG.format(prog=parser.prog, tables=tables)


def main(args):
    """Run what is left, then print, write and draw the results -> 0."""
    require_tqdm()
    size = Config(**PRESETS[args.preset].model).image_size
    dataset = data.load(args.dataset, args.data_dir, image_size=size, channels=3)
    name = f"ablate-{args.table}-{dataset.name}-{args.preset}-{args.budget:g}"
    known = dataset.name if args.dataset in data.NAMES else args.dataset
    comparison = Comparison(
        args.table,
        TABLES[args.table],
        args.preset,
        known,
        args.data_dir,
        args.budget,
        args.seeds,
        Path(args.out or Path("runs") / name),
        args.threads,
        say,
    )
    with locked(comparison.out):
        return compare(comparison, dataset, args.json)


def compare(comparison, dataset, json_only):
    """What `main` does in a directory that no other process compares in."""
    comparison.prepare(dataset)
    training = comparison.training(dataset)
    say(described(comparison.table, comparison.passes, training, comparison.seeds))
    with redirect_stdout(sys.stderr):  # what the runs print is not the result
        directories = comparison.run_all(dataset)
    rows = results_of(comparison, directories, dataset)
    values = as_json(comparison, rows)
    write(comparison.out / "results.json", values)
    print(json.dumps(values, indent=2) if json_only else as_text(comparison, rows))
    draw(comparison, rows)
    return 0


def write(path, values):
    """Write the values as JSON, over older results of this command only."""
    own_files.refuse_others(path, start=b'{\n  "table": ')
    atomic.write_json(path, values)
    say(f"written: {path}")


def draw(comparison, rows):
    """Draw the figure, where matplotlib is there."""
    from ..ablation import drawing

    try:
        with style():
            made = drawing.draw(comparison, rows)
            files = save(made, comparison.out, FORMATS[:1])
    except BackendError as error:
        say(f"no figure: {error}")
    else:
        say(f"written: {files[0]}")


def say(line):
    """Print a line that is not part of the result."""
    print(line, file=sys.stderr, flush=True)
