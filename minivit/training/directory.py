"""A run's directory: config.json, metrics.jsonl, last.npz, best.npz, curves.png."""

import json
from pathlib import Path

from ..errors import ConfigError
from . import atomic


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
                f"continue it with --resume {path}"
            )
        return run

    @classmethod
    def numbered(cls, root, name):
        """The first of root/name-1, root/name-2, ... that does not exist yet."""
        number = 1
        while (Path(root) / f"{name}-{number}").exists():
            number += 1
        return cls(Path(root) / f"{name}-{number}")

    def write_config(self, values):
        """Write config.json, whole or not at all."""
        with atomic.replacing(self.config) as temporary:
            Path(temporary).write_text(json.dumps(values, indent=2) + "\n")

    def append(self, row):
        """Add one object to metrics.jsonl."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def result(self):
        """The object of the test result, the last in metrics.jsonl; None if it is not there."""
        return next((row for row in self._objects() if "test_accuracy" in row), None)

    def rows(self):
        """The epochs' objects in metrics.jsonl."""
        return [row for row in self._objects() if "epoch" in row]

    def _objects(self):
        """All objects in metrics.jsonl; a last line that was cut off is left out."""
        rows = []
        if self.metrics.exists():
            for line in self.metrics.read_text(encoding="utf-8").splitlines():
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    break
        return rows

    def keep_rows(self, epochs):
        """Rewrite metrics.jsonl with only the rows of the first `epochs` epochs."""
        rows = [row for row in self.rows() if row["epoch"] <= epochs]
        with atomic.replacing(self.metrics) as temporary:
            Path(temporary).write_text("".join(json.dumps(row) + "\n" for row in rows))
