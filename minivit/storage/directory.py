"""A run's directory: config.json, metrics.jsonl, last.npz, best.npz, curves.png."""

import contextlib
import itertools
import json
import os
from pathlib import Path
from typing import Self

from ..errors import ConfigError, RunError
from ..text import shell
from . import atomic
from .text_file import read_text


class RunDirectory:
    """The files of one run, in the directory `path`.

        last, best   checkpoints: of the last epoch, and of the best one
        config       config.json: what the run is
        metrics      metrics.jsonl: one JSON object a line, a row for every epoch, then the result
        curves       curves.png

    A row is an object with the integers "epoch" and "step"; what else it holds is the run's own
    business. The result is the object with the measurements on the test set ("test_loss", ...).
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.last, self.best = self.path / "last.npz", self.path / "best.npz"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.jsonl"
        self.curves = self.path / "curves.png"

    @property
    def how_to_resume(self) -> str:
        """The words that say how to go on with the run."""
        return f"continue with: python train.py --resume {shell(self.path)}"

    @classmethod
    def new(cls, path: str | os.PathLike) -> Self:
        """The directory `path`, for a new run; it is not made yet.

        Raises ConfigError if `path` is a file or already holds a run.
        """
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
    def numbered(cls, root: str | os.PathLike, name: str) -> Self:
        """Make the first of root/name-1, root/name-2, ... that does not exist yet.

        It is made at once, so two runs that start at the same moment get two directories. Raises
        RunError if it cannot be made.
        """
        path = Path(root)
        try:
            path.mkdir(parents=True, exist_ok=True)  # below, "it exists" means: try the next number
            for number in itertools.count(1):
                path = Path(root) / f"{name}-{number}"
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    return cls(path)
        except OSError as error:
            raise RunError(
                f"cannot make {path}: {error.strerror}; name another place with --out."
            ) from error

    def tidy(self) -> None:
        """Remove the temporary files that a killed run left."""
        atomic.remove_temporary_files(self.path)

    def write_config(self, values: dict) -> None:
        """Write config.json atomically. Raises RunError if it cannot be written."""
        with atomic.replacing(self.config, RunError) as temporary:
            Path(temporary).write_text(json.dumps(values, indent=2) + "\n")

    def append(self, row: dict) -> None:
        """Add one object to metrics.jsonl. Raises RunError if it cannot be written."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise RunError(
                f"cannot write {self.metrics}: {error.strerror or error}; mend that, and "
                f"continue with --resume {shell(self.path)}"
            ) from error

    def rows(self) -> list[dict]:
        """The rows of metrics.jsonl, one for each epoch."""
        names = ("epoch", "step")
        return [row for row in self._objects() if all(type(row.get(n)) is int for n in names)]

    def result(self) -> dict | None:
        """The result in metrics.jsonl: the last object that is no row and has a "test_..." key.

        None if the run has not been tested yet.
        """
        results = [
            entry
            for entry in self._objects()
            if "epoch" not in entry
            and any(name.startswith("test_") for name in entry)
            and all(type(entry[n]) in (int, float) for n in entry if n.startswith("test_"))
        ]
        return results[-1] if results else None

    def keep_rows(self, epochs: int) -> None:
        """Write metrics.jsonl anew with only the rows of the first `epochs` epochs.

        Raises RunError if it cannot be written.
        """
        rows = [row for row in self.rows() if row["epoch"] <= epochs]
        with atomic.replacing(self.metrics, RunError) as temporary:
            Path(temporary).write_text("".join(json.dumps(row) + "\n" for row in rows))

    def _objects(self):
        """All JSON objects in metrics.jsonl, without lines that are incomplete or something else.

        The last line is incomplete if the process was killed while it wrote.
        """
        values = []
        for line in read_text(self.metrics).splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                values.append(json.loads(line))
        return [value for value in values if isinstance(value, dict)]
