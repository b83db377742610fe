"""python -m minivit folds: a training and a test for each fold of a directory's images."""

import copy
import json
import math
import statistics
import sys
from contextlib import redirect_stdout
from hashlib import sha256
from os.path import abspath, isdir, isfile
from pathlib import Path

from ..errors import ConfigError, RunError
from ..objective import remade
from ..storage import atomic, own_files
from ..storage.directory import RunDirectory
from ..storage.lock import locked
from ..storage.text_file import read_text
from ..text import counted, option, printable
from ..training.saved_run import SavedRun
from ..training.signals import Interrupted
from . import train
from .arguments import whole

STATE, RESULTS, START = "folds.json", "results.json", b'{\n  "folds": '
# Options that may change from one call to the next.
FREE = "out json threads device ranks program data_dir fold resume exact".split()
NUMBERS = "mean", "spread", "lowest", "highest"
EPILOG = """\
The images are cut into N parts. Each part is the test set of one training on
the others, an ordinary run in a directory of its own under --out, and the
results are put together. The same command goes on after Ctrl-C.

All other options are those of `python train.py`, but for --fold, --resume,
--exact and --ranks. --out is by default runs/folds-DIR-N.

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
    with locked(out):
        return train_all(args, out)


def train_all(args, out):
    """What `main` does in a directory in which no other process trains folds."""
    take_up(args, out)
    with redirect_stdout(sys.stderr):  # what the runs print is not the result
        runs = [one(args, fold, out / f"fold-{fold}") for fold in range(1, args.folds + 1)]
    values = together(runs)
    print(json.dumps(values, indent=2) if args.json else as_text(values))
    write(out / RESULTS, values)
    return 0


def refuse(args):
    """Raise ConfigError for options of a single run."""
    if not (args.targets and args.dataset and isdir(args.dataset)):
        raise ConfigError(
            "folds are parts of a directory of images with a CSV file of targets: name them with "
            "--dataset DIR and --targets FILE.csv"
        )
    for name in ("fold", "resume", "exact", "ranks"):
        if getattr(args, name):
            raise ConfigError(
                f"--{name} is for one run, and this command makes one for each fold: leave it out"
            )


def take_up(args, out):
    """Note in `out` what its folds are. Raises ConfigError where it holds others, or other files.

    So folds of different options, or of another table, are never put together.
    """
    own_files.refuse_others(out / RESULTS, start=START)
    given = {n: v for n, v in vars(args).items() if v is not None and n not in FREE}
    given |= {"dataset": abspath(args.dataset)}
    given["targets"] = (
        sha256(Path(args.targets).read_bytes()).hexdigest() if isfile(args.targets) else ""
    )
    asked = json.loads(json.dumps(given, default=str))
    if text := read_text(out / STATE):
        try:
            saved = dict(json.loads(text))
        except (ValueError, TypeError):
            raise ConfigError(f"{out / STATE} is damaged; move {out} away") from None
        other = sorted(n for n in asked.keys() | saved.keys() if asked.get(n) != saved.get(n))
        if other and any(out.glob("fold-*")):
            names = ["from" if name == "start" else name.replace("_", "-") for name in other]
            raise ConfigError(
                f"{option('--out', out)} holds folds with another {', '.join(names)}: give "
                "the same, or name another --out"
            )
        if not other:
            return
    elif any(out.iterdir()):
        raise ConfigError(f"{option('--out', out)} holds no folds; name another one")
    atomic.write_json(out / STATE, asked)


def one(args, fold, place):
    """The run of one fold, or what is left of it -> its `SavedRun`."""
    args = copy.copy(args)
    args.fold, args.out, args.program = (fold, args.folds), str(place), "python train.py"
    if (place / "last.npz").exists():
        args.resume, args.out, args.start, args.interpolation = str(place), None, None, None
    print(f"fold {fold} of {args.folds}, in {place}", flush=True)
    try:
        train.train(args)
    except Interrupted as stop:
        words = f"stopped in {place}; the same command goes on there"
        raise Interrupted(words, stop.status - 128) from None
    return SavedRun.read(place)


def together(runs):
    """Of each metric its values, their mean and standard deviation, for JSON."""
    first, results = runs[0], [RunDirectory(saved.path.parent).result() for saved in runs]
    fields = first.meta.get("objective_fields")
    objective = remade(first.objective, first.config, first.recipe, fields)
    metrics = []
    for metric in objective.metrics:
        values = [result[f"test_{metric.name}"] for result in results]
        if bad := [s for s, v in zip(runs, values, strict=True) if not math.isfinite(v)]:
            place = RunDirectory(bad[0].path.parent).metrics
            raise RunError(f"{place} holds a result that is not finite; remove its last line.")
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
        name = printable(metric["metric"]).replace("baseline_", "baseline: ")
        lines.append(f"{name:<28}" + "".join(f"{metric['words'][n]:>12}" for n in NUMBERS))
    lines += ["", "spread: standard deviation over the folds; baseline: always the mean, or the",
              "usual label, of the training images"]  # fmt: skip
    return "\n".join(lines)


def write(path, values):
    """Write the values as JSON, over older results of this command only."""
    own_files.refuse_others(path, start=START)
    atomic.write_json(path, values)
    print(f"written: {path}", file=sys.stderr, flush=True)
