"""A run's directory: config.json, metrics.jsonl, last.npz, best.npz, curves.png."""

import contextlib
import itertools
import os
from pathlib import Path
from typing import Self

from ..errors import ConfigError, MinivitError, RunError
from ..text import counted, option
from . import atomic, metrics
from .lock import locked


class RunDirectory:
    """The files of one run, in the directory `path`.

        last, best   checkpoints: of the last epoch, and of the best one
        config       config.json: what the run is
        metrics      metrics.jsonl: a row for every epoch, then the result (see `metrics.py`)
        curves       curves.png

    fresh: whether it is for a new run, so that it must be empty; made: whether it was made for it.
    program: the command that trains, for the words that say how to go on.
    claim: the `Claim` on the directory, inside of `claimed()`; else None. While there is one, every
    method that writes raises RunError if the directory has been removed or replaced.
    """

    ours = True  # whether this process writes it

    def __init__(self, path: str | os.PathLike, fresh: bool = False, made: bool = False):
        self.path, self.fresh, self.made, self.claim = Path(path), fresh, made, None
        self.last, self.best = self.path / "last.npz", self.path / "best.npz"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.jsonl"
        self.curves = self.path / "curves.png"
        self.program = "python train.py"

    @property
    def how_to_resume(self) -> str:
        """The words that say how to go on with the run."""
        if self.lost:
            return f"it cannot be continued, because {self.path} was removed or replaced"
        return f"continue with: {self.program} {option('--resume', self.path)}"

    @classmethod
    def new(cls, path: str | os.PathLike) -> Self:
        """The directory `path`, for a new run; it is not made yet.

        Raises ConfigError if `path` is a file, or holds a run or other files. Hidden files do not
        count: a run has none.
        """
        run = cls(path, fresh=True)
        run.refuse_taken()
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
                    return cls(path, fresh=True, made=True)
        except OSError as error:
            raise RunError(
                f"cannot make {path}: {error.strerror}; name another place with --out."
            ) from error

    def refuse_taken(self) -> None:
        """Raise ConfigError unless the directory can be that of a new run: empty, or not there."""
        out = f"--out {self.path}"
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{out} is a file; name a new directory")
        own = (self.config, self.metrics, self.last, self.best)
        if taken := [file.name for file in own if file.exists()]:
            raise ConfigError(
                f"{out} already holds a run ({taken[0]}); name another directory, or "
                f"continue it with {option('--resume', self.path)}"
            )
        try:
            others = [name for name in sorted(os.listdir(self.path)) if not name.startswith(".")]
        except OSError:  # it is not there, or cannot be read: `claimed` says so
            return
        if others:
            more = f" and {counted(len(others) - 1, 'other')}" if len(others) > 1 else ""
            raise ConfigError(
                f"{out} holds files that are no run ({others[0]}{more}); name a new directory, "
                f"such as {option('--out', self.path / 'run')}"
            )

    @contextlib.contextmanager
    def claimed(self):
        """Keep the directory for this run alone while inside the `with`; see `lock.locked`.

        Enter it before anything slow: what was looked at before is looked at again, as another run
        may have come first. Raises RunError, and ConfigError if the directory of a new run is
        taken.
        """
        with locked(self.path, self.made) as claim:
            if self.fresh:
                self.refuse_taken()
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise RunError(f"cannot write to {self.path}: Permission denied.")
            self.claim = claim
            try:
                yield self
            finally:
                self.claim = None

    @property
    def lost(self) -> bool:
        """Whether it was claimed, and is gone or another's since."""
        return self.claim is not None and not self.claim.holds()

    @contextlib.contextmanager
    def writing(self):
        """Around all that writes here: raise RunError if the directory is no longer this run's."""
        try:
            self._check()
            yield
        except MinivitError:
            self._check()  # a better reason than "no such file"
            raise

    def _check(self):
        if self.lost:
            raise RunError(
                f"{self.path} was removed or replaced while the run wrote to it, and nothing more "
                "is written; start the run again."
            )

    def tidy(self) -> None:
        """Remove the temporary files that a killed run left."""
        with self.writing():
            atomic.remove_temporary_files(self.path)

    def write_config(self, values: dict) -> None:
        """Write config.json atomically. Raises RunError if it cannot be written."""
        with self.writing():
            atomic.write_json(self.config, values)

    def append(self, entry: dict) -> None:
        """Add one object to metrics.jsonl. Raises RunError if it cannot be written."""
        line = metrics.as_line(entry)
        with self.writing():
            try:
                with open(self.metrics, "a", encoding="utf-8") as file:
                    file.write(line)
            except OSError as error:
                raise RunError(
                    f"cannot write {self.metrics}: {error.strerror or error}; mend that, and "
                    f"continue with {option('--resume', self.path)}"
                ) from error

    def rows(self) -> list[dict]:
        """The rows of metrics.jsonl, one for each epoch."""
        return metrics.rows(metrics.objects(self.metrics))

    def result(self) -> dict | None:
        """The result in metrics.jsonl; None if the run has not been tested yet."""
        return metrics.result(metrics.objects(self.metrics))

    def write_rows(self, rows: list[dict]) -> None:
        """Write metrics.jsonl anew with only these. Raises RunError if it cannot be written."""
        with self.writing(), atomic.replacing(self.metrics, RunError) as temporary:
            Path(temporary).write_text("".join(map(metrics.as_line, rows)))
