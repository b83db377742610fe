"""python -m minivit folds: a training and a test for each fold of a directory's images."""

import copy
import json
import statistics
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from os.path import abspath, isdir
from pathlib import Path

from ..data import TargetFile
from ..errors import ConfigError, RunError
from ..objective import remade
from ..ranks.launch import launched
from ..storage import atomic, own_files
from ..storage.directory import RunDirectory
from ..text import counted, printable
from ..training.saved_run import SavedRun
from ..training.signals import Interrupted
from . import train
from .arguments import whole

NUMBERS = "mean", "spread", "lowest", "highest"
EPILOG = """\
The images are cut into N parts. Each part is the test set of one training on
the others, an ordinary run in a directory of its own under --out, and the
results are put together. The same command goes on after Ctrl-C.

All other options are those of `python train.py`.

examples:
  {prog} --dataset photos --targets photos.csv
  {prog} --dataset DIR --targets FILE.csv --folds 10
"""


def add_arguments(parser):
    """Add the command's own options, and those of a training."""
    own = parser.add_argument_group("the folds")
    own.add_argument("--folds", type=whole(2), default=5, metavar="N",
                     help="into how many parts the images are cut")  # fmt: skip
    own.add_argument("--json", action="store_true", help="print one JSON object only")
    train.add_arguments(parser)
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Train what is left of the folds, then print and write their results together -> 0."""
    refuse(args)
    name = Path(args.dataset).resolve().name
    out = Path(args.out or Path("runs") / f"folds-{name}-{args.folds}")
    with redirect_stdout(sys.stderr):  # what the runs print is not the result
        runs = [one(args, fold, out / f"fold-{fold}") for fold in range(1, args.folds + 1)]
    values = together(runs)
    write(out / "results.json", values)
    print(json.dumps(values, indent=2) if args.json else as_text(values))
    return 0


def refuse(args):
    """Raise ConfigError for options of a single run."""
    if not (args.targets and args.dataset and isdir(args.dataset)):
        raise ConfigError(
            "folds are parts of a directory of images with a CSV file of targets: name them with "
            "--dataset DIR and --targets FILE.csv"
        )
    for name in ("fold", "resume", "exact"):
        if getattr(args, name):
            raise ConfigError(
                f"--{name} is for one run, and this command makes one for each fold: leave it out"
            )
    if launched().size > 1:
        raise ConfigError("the folds are trained one after another, by one process: no mpiexec")


def one(args, fold, place):
    """The run of one fold, or what is left of it -> its `SavedRun`."""
    args = copy.copy(args)
    args.fold, args.out = (fold, args.folds), str(place)
    if (place / "last.npz").exists():
        refuse_other(args, place)
        args.resume, args.out = str(place), None
    print(f"fold {fold} of {args.folds}, in {place}", flush=True)
    try:
        train.train(args)
    except Interrupted as stop:
        words = f"stopped in {place}; the same command goes on there"
        raise Interrupted(words, stop.status - 128) from None
    return SavedRun.read(place)


def refuse_other(args, place):
    """Raise ConfigError where the run in `place` has other targets or another test set."""
    saved = SavedRun.read(place).meta["source"].get("targets")
    asked = TargetFile.of(vars(args))
    if saved is None or TargetFile.from_dict(saved) != replace(asked, path=abspath(asked.path)):
        raise ConfigError(
            f"{place} holds a run with other targets, or another of the folds: name another --out"
        )


def together(runs):
    """Of each metric its values, their mean and standard deviation, for JSON."""
    first, results = runs[0], [RunDirectory(saved.path.parent).result() for saved in runs]
    fields = first.meta.get("objective_fields")
    objective = remade(first.objective, first.config, first.recipe, fields)
    metrics = []
    for metric in objective.metrics:
        values = [result[f"test_{metric.name}"] for result in results]
        numbers = {"mean": statistics.fmean(values), "spread": statistics.stdev(values),
                   "lowest": min(values), "highest": max(values)}  # fmt: skip
        words = {name: metric.number(value) for name, value in numbers.items()}
        metrics.append({"metric": metric.name, **numbers, "words": words, "folds": values})
    return {"folds": len(runs), "runs": [str(s.path.parent) for s in runs], "metrics": metrics}


def as_text(values):
    """The results as a table in 80 columns."""
    lines = [f"test of {counted(values['folds'], 'fold')}".ljust(28)
             + "".join(f"{name:>12}" for name in NUMBERS)]  # fmt: skip
    for metric in values["metrics"]:
        name = printable(metric["metric"]).replace("baseline_", "always the mean: ")
        lines.append(f"{name:<28}" + "".join(f"{metric['words'][n]:>12}" for n in NUMBERS))
    lines += ["", "spread: standard deviation over the folds"]
    return "\n".join(lines)


def write(path, values):
    """Write the values as JSON, over older results of this command only."""
    own_files.refuse_others(path, start=b'{\n  "folds": ')
    with atomic.replacing(path, RunError) as temporary:
        Path(temporary).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path}", file=sys.stderr, flush=True)
