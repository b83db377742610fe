"""A run's directory: config.json, metrics.jsonl, last.npz, best.npz, curves.png."""

import contextlib
import itertools
import json
from pathlib import Path

from ..config import Config
from ..errors import CheckpointError, ConfigError
from ..text import shell
from ..training.recipe import Recipe
from . import atomic

# What an epoch's object in metrics.jsonl holds.
EPOCH = (
    "epoch step train_loss train_accuracy val_loss val_accuracy lr images_per_second elapsed_s"
).split()


def foreign(values):
    """The fields of a run's model and recipe, as `describe` has them, that this version lacks."""
    return Config.unknown_names(values["model"]) + Recipe.unknown_names(values["recipe"])


class RunDirectory:
    """Where a run writes. `RunDirectory.new` refuses a directory that already holds a run."""

    def __init__(self, path):
        self.path = Path(path)
        self.last, self.best = self.path / "last.npz", self.path / "best.npz"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.jsonl"
        self.curves = self.path / "curves.png"

    @classmethod
    def new(cls, path):
        """A fresh run at `path`. Raises ConfigError if a run, or a file, is already there."""
        run = cls(path)
        if run.path.exists() and not run.path.is_dir():
            raise ConfigError(f"--out {path} is a file; name a new directory")
        taken = [f.name for f in (run.config, run.metrics, run.last, run.best) if f.exists()]
        if taken:
            raise ConfigError(
                f"--out {path} already holds a run ({taken[0]}); name another directory, or "
                f"continue it with --resume {shell(path)}"
            )
        return run

    @classmethod
    def numbered(cls, root, name):
        """The first of root/name-1, root/name-2, ... that does not exist yet, made at once.

        So two runs that start in the same moment get two directories.
        """
        path = Path(root)
        try:
            path.mkdir(parents=True, exist_ok=True)  # here, where "it exists" is an error
            for number in itertools.count(1):
                path = Path(root) / f"{name}-{number}"
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    return cls(path)
        except OSError as error:
            raise CheckpointError(
                f"cannot make {path}: {error.strerror}; name another place with --out."
            ) from error

    def refuse_others(self, saved):
        """Raise ConfigError if another run than the checkpoint's is written down here."""
        try:
            here = json.loads(self.config.read_text(encoding="utf-8"))
            same = (
                here["dataset"]["sha256"] == saved.meta["dataset"]["sha256"]
                and not foreign(here)
                and Config.from_dict(here["model"])
                == saved.config  # with fields newer than the run
                and Recipe.from_dict(here["recipe"]) == saved.recipe
            )
        except (OSError, ValueError, KeyError, TypeError):
            return  # nothing is written down, or nothing that can be read
        if not same:
            raise ConfigError(
                f"{self.path} holds another run than {saved.path}, which would write over it; "
                "move the checkpoint to a directory of its own"
            )

    def tidy(self):
        """Remove what a killed run left half-written."""
        atomic.sweep(self.path)

    def write_config(self, values):
        """Write config.json, whole or not at all."""
        with atomic.replacing(self.config) as temporary:
            Path(temporary).write_text(json.dumps(values, indent=2) + "\n")

    def append(self, row):
        """Add one object to metrics.jsonl. Raises CheckpointError if that cannot be written."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise CheckpointError(
                f"cannot write {self.metrics}: {error.strerror or error}; mend that, and "
                f"continue with --resume {shell(self.path)}"
            ) from error

    def result(self):
        """The object of the test result, the last in metrics.jsonl; None if it is not there."""
        names = {"test_loss", "test_accuracy"}
        return next((row for row in self._objects() if names <= row.keys()), None)

    def rows(self):
        """The epochs' objects in metrics.jsonl."""
        rows = [row for row in self._objects() if set(EPOCH) <= row.keys()]
        return [row for row in rows if type(row["epoch"]) is int]

    def _objects(self):
        """All objects in metrics.jsonl; a line that was cut off, or is none, is left out."""
        rows = []
        if self.metrics.exists():
            for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue
        return [row for row in rows if isinstance(row, dict)]

    def keep_rows(self, epochs):
        """Rewrite metrics.jsonl with only the rows of the first `epochs` epochs."""
        rows = [row for row in self.rows() if row["epoch"] <= epochs]
        with atomic.replacing(self.metrics) as temporary:
            Path(temporary).write_text("".join(json.dumps(row) + "\n" for row in rows))
