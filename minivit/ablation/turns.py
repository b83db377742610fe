"""Train all rows of a comparison in turns. What is done is not done again."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError, RunError
from ..parallel.workers import Workers
from ..storage import atomic
from ..storage.text_file import read_text
from ..text import counted, option
from ..trained import load
from ..training.fine_tuning import Start
from ..training.plan import Plan
from ..training.run import Run
from ..training.signals import Interrupted
from .schedule import begin_name, passes_for, runs_of, seconds_of_a_pass, whole_passes
from .table import Table, passes_of, share_of

STATE = "ablate.json"


@dataclass
class Comparison:
    """A comparison in the directory `out`.

    preset, dataset, data_dir: as `train.py` takes them; budget: minutes that all runs may take;
    threads: number of workers; say: called with lines of progress. passes and seconds (of a pass,
    by row) are found out by `prepare`; timed: the same by options.
    """

    name: str
    table: Table
    preset: str
    dataset: str
    data_dir: str | None
    budget: float
    seeds: int
    out: Path
    threads: int | None
    say: object
    passes: int = 0
    seconds: dict = field(default_factory=dict)
    timed: dict = field(default_factory=dict)

    def prepare(self, dataset):
        """Take up what was decided before, or time each row and decide on the passes.

        Raises ConfigError where `out` holds another comparison, and for a budget that is too short.
        """
        same = {"table": self.name, "preset": self.preset, "dataset": dataset.name,
                "budget_minutes": self.budget}  # fmt: skip
        path = self.out / STATE
        if text := read_text(path):
            self._take_up(path, text, same)
            return
        if self.out.is_file() or (self.out.is_dir() and any(self.out.iterdir())):
            raise ConfigError(f"{option('--out', self.out)} holds no comparison; name another one")
        self.say("timing each row:")
        with Workers(self.threads) as workers:
            for row in self.table.rows:
                self._time(row.name, {**row.options, **row.tries[0]}, dataset, workers)
                if row.begin is not None:
                    self._time(begin_name(row), row.begin, dataset, workers)
        whole = whole_passes(self.table, self.seeds, self.seconds, self.training(dataset))
        self.passes = passes_for(self.budget, whole)
        found = {**same, "passes": self.passes, "seconds_of_a_pass": self.seconds}
        atomic.write_json(path, found)

    def _take_up(self, path, text, same):
        """Read passes and times. Raises ConfigError where they are of another comparison."""
        try:
            state = json.loads(text)
            other = [f"{name} {state[name]}" for name in same if state[name] != same[name]]
            self.passes, self.seconds = int(state["passes"]), dict(state["seconds_of_a_pass"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{path} is damaged; move {self.out} away") from None
        if other:
            raise ConfigError(
                f"{self.out} holds the comparison with {', '.join(other)}: name another "
                "--out, or give these"
            )

    def _time(self, name, options, dataset, workers):
        """Measure the seconds of a pass, once for equal options: rows may differ in images only."""
        same = json.dumps(options, sort_keys=True)
        if same not in self.timed:
            self.timed[same] = seconds_of_a_pass(
                lambda out: self.plan({**options, "epochs": 1, "out": str(out)}, dataset),
                dataset,
                workers,
            )
            self.say(f"  {name:<28} {self.timed[same]:7.1f} s a pass")
        self.seconds[name] = self.timed[same]

    def training(self, dataset):
        """How many images a run on all of them learns from."""
        count = len(dataset.train_images)
        return count - round(count * self.plan({}, None).recipe.val_fraction)

    def plan(self, options, dataset, start=None):
        """The `Plan` of a new run with these options besides the table's own."""
        asked = {"preset": self.preset, "dataset": self.dataset, "data_dir": self.data_dir}
        asked = {**asked, **self.table.options, **options}
        asked = {name: value for name, value in asked.items() if value is not None}
        plan = Plan.fresh(asked, start)
        return plan if dataset is None else plan.for_data(dataset, asked)

    def run_all(self, dataset, done=lambda: None):
        """Train what is left -> {(row's name, change as text, seed): the run's `RunDirectory`}.

        done: called after the last row of each seed.
        """
        directories, best, last = {}, {}, self.table.rows[-1].name
        for row, change, seed in runs_of(self.table, self.seeds):
            if change is None:
                change = best.setdefault(row.name, self.best_of(row, directories))
            directories[row.name, text_of(change), seed] = self.one(row, change, seed, dataset)
            if row.name == last and (seed or change == row.tries[-1]):
                done()
        return directories

    def best_of(self, row, directories):
        """The change of the options that was best on validation images in the first seed's runs."""
        return max(row.tries, key=lambda t: validation(directories[row.name, text_of(t), 0]))

    def one(self, row, change, seed, dataset):
        """One run, or what is left of it -> its `RunDirectory`."""
        start = None
        training = self.training(dataset)
        if row.begin is not None:
            base = {**row.begin, "epochs": self.passes, "seed": seed}
            begun = self.train(begin_name(row), base, seed, dataset)
            start = Start.of(load(begun.path), begun.path)
        options = {**row.options, **change, "seed": seed}
        options["epochs"] = passes_of(row, training, self.passes)
        if row.images is not None:
            options["train_fraction"] = share_of(row, training)
        name = f"{row.name} {text_of(change)}".strip()
        return self.train(name, options, seed, dataset, start)

    def train(self, name, options, seed, dataset, start=None):
        """A run of its own directory, begun, taken up, or done already -> its `RunDirectory`."""
        place = self.out / f"{slug(name)}-seed-{seed}"
        if (place / "last.npz").exists():
            plan = Plan.resumed(place, {})
            if plan.finished:
                return plan.directory
            plan = plan.for_data(dataset, {})
        else:
            plan = self.plan({**options, "out": str(place)}, dataset, start)
        self.say(f"{name}, seed {seed}: {counted(plan.recipe.epochs, 'epoch')}, in {place}")
        try:
            with plan.directory.claimed(), Workers(self.threads) as workers:
                Run(plan, dataset, workers).train()
        except Interrupted as stop:
            words = f"stopped in {place}; the same command goes on there"
            raise Interrupted(words, stop.status - 128) from None
        return plan.directory


def validation(directory):
    """The accuracy on validation images after the last epoch, 0..1."""
    rows = directory.rows()
    value = rows[-1].get("val_accuracy") if rows else None
    if value is None:
        raise RunError(f"{directory.metrics} has no accuracy on validation images to choose by.")
    return value


def text_of(change):
    """A change of options in words: {"lr": 0.002} -> "lr 0.002"."""
    return ", ".join(f"{name} {value}" for name, value in change.items())


def slug(name):
    """A name as part of a path."""
    words = "".join(c if c.isalnum() or c in "._" else " " for c in name.lower()).split()
    return "-".join(words)
