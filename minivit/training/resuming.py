"""Where a run may go on: nothing in the directory may be lost by it."""

import json

from ..errors import ConfigError, RunError
from ..models import config_kind, config_of
from ..storage.text_file import read_text
from ..text import option
from .recipe import Recipe


def latest_epoch(directory):
    """The last epoch that metrics.jsonl in `directory` has a row of; 0 if there is none."""
    return max((row["epoch"] for row in directory.rows()), default=0)


def going_back(directory, saved):
    """The options that go on from `saved` in a directory of its own."""
    place = f"{directory.path}-from-{saved.position[0]}"
    return f"{option('--resume', saved.path)} {option('--out', place)}"


def refuse_going_back(directory, saved, newest):
    """Raise ConfigError if going on from `saved` in `directory` would throw later work away.

    newest: the position, (epochs, steps), of last.npz there.
    """
    done, latest = saved.position[0], latest_epoch(directory)
    if saved.path.resolve() == directory.last.resolve():
        latest -= 1  # a run killed between a row and its checkpoint does that epoch again
    tested = directory.result() and not saved.complete
    if latest > done or newest > saved.position or tested:
        raise ConfigError(
            f"going on from {saved.path}, of epoch {done}, would throw away what came after it in "
            f"{directory.path}; go back in a directory of its own: {going_back(directory, saved)}"
        )


def refuse_another_run(directory, saved):
    """Raise ConfigError if files in `directory` are not of the run `saved`: it would lose them."""
    same, what = same_run(directory, saved), "holds another run than"
    if same is None and directory.config.exists():
        what = "holds a config.json that is not of"
    elif same is None:  # as where a checkpoint was copied to a directory of its own
        curves, metrics = directory.curves.exists(), directory.metrics
        strange = metrics.exists() and metrics.stat().st_size and not directory.rows()
        same, what = not curves and not strange, "holds files that are not of"
    if not same:
        raise ConfigError(
            f"{directory.path} {what} {saved.path}, which would write over it; go on elsewhere: "
            f"{going_back(directory, saved)}"
        )


def same_run(directory, saved):
    """Whether config.json in `directory` describes the run `saved`; None if it cannot be read."""
    try:
        here = json.loads(read_text(directory.config))
        return (
            here["dataset"]["sha256"] == saved.meta["dataset"]["sha256"]
            and not unknown_fields(here)
            and config_of(here["model"]) == saved.config  # fields newer than the run: defaults
            and Recipe.from_dict(here["recipe"]) == saved.recipe
        )
    except (RunError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def unknown_fields(values):
    """The fields of a run's model and recipe that this version of minivit does not have, sorted.

    values: what a run is, as config.json and the checkpoints hold it (see `describe`).
    """
    kind = config_kind(values["model"])
    return kind.unknown_names(values["model"]) + Recipe.unknown_names(values["recipe"])
