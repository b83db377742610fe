"""A saved run: what a checkpoint says of the run it was made in, and what may not change since."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..errors import CheckpointError, ConfigError, RunError
from ..storage import checkpoint
from ..storage.compare import differences
from ..storage.meta import problem
from ..storage.text_file import read_text
from ..text import shell
from .recipe import Recipe
from .run_meta import RUN, contradiction, weights_problem


@dataclass(frozen=True)
class SavedRun:
    """The run that the checkpoint `path` belongs to, as `describe` wrote it down."""

    path: Path
    config: Config
    recipe: Recipe
    meta: dict

    @classmethod
    def read(cls, path):
        """Of a checkpoint, or of the last one in a run's directory. Raises CheckpointError."""
        path = Path(path)
        if path.is_dir():
            return cls._last(path)
        meta, headers = checkpoint.inspect(path)
        if "recipe" not in meta and "about" in meta:
            raise CheckpointError(
                f"{path} holds the weights of a trained model only, no run to go on with: give a "
                "run's directory or its last.npz."
            )
        if wrong := problem(RUN, meta):
            raise CheckpointError(f"{path} holds no run to go on with: {wrong}.")
        if other := unknown_fields(meta):
            raise CheckpointError(
                f"{path} was made by another version of minivit, one with {', '.join(other)}: "
                "go on with that one, or start a new run."
            )
        try:
            config, recipe = Config.from_dict(meta["model"]), Recipe.from_dict(meta["recipe"])
        except ConfigError as error:
            raise CheckpointError(
                f"{path} holds no run to go on with: {str(error)[:300]}."
            ) from None
        if wrong := contradiction(meta, config, recipe):
            raise CheckpointError(f"{path} contradicts itself: {wrong}.")
        if wrong := weights_problem(config, headers):
            raise CheckpointError(f"{path} holds another model than it says: {wrong}.")
        return cls(path, config, recipe, meta)

    @classmethod
    def _last(cls, directory):
        """Of directory/last.npz; where that is lost, the error names best.npz if it is good."""
        best = directory / "best.npz"
        try:
            return cls.read(directory / "last.npz")
        except CheckpointError as error:
            try:
                done = cls.read(best).meta["position"]["epochs_done"]
                checkpoint.load(best)  # and all of it can be read
            except CheckpointError:
                raise error from None
            raise CheckpointError(
                f"{error} That of epoch {done} is good: --resume {shell(best)}"
            ) from None

    @property
    def device(self):
        """Where it ran: "cpu" or "gpu", which round differently; "auto" where that is not known."""
        return self.meta.get("device") or "auto"

    @property
    def objective(self):
        """The name of its objective. Older checkpoints hold none: there was one objective."""
        return self.meta.get("objective") or "classification"

    @property
    def complete(self):
        """Whether all of its epochs were done."""
        return self.meta["position"]["epochs_done"] >= self.recipe.epochs

    def refuse_options(self, **options):
        """Raise ConfigError if an option is not what the run was begun with."""
        begun = {**self.config.to_dict(), **self.recipe.to_dict(), "preset": self.meta["preset"]}
        changed = [
            f"{name} is {begun[name]}, not {value}"
            for name, value in options.items()
            if begun[name] != value
        ]
        if changed:
            raise ConfigError(
                f"{self.path} continues as it was begun: {'; '.join(changed)}. "
                "Leave the option out, or start a new run."
            )

    def renamed_classes(self, classes):
        """A line for the user where the classes, all the same images, have other names by now.

        "" if they have not: labels are numbers, so the run can go on, under the new names.
        """
        pairs = zip(self.meta["dataset"]["classes"], classes, strict=False)
        changed = [f"{old!r} is now {new!r}" for old, new in pairs if old != new]
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        if not changed:
            return ""
        return f"classes were renamed since {self.path}: {', '.join(changed[:5])}{more}"

    def refuse_others(self, description):
        """Raise CheckpointError if a run so described has other data, another model or recipe."""
        was, now = self.meta["dataset"], description["dataset"]
        if was["sha256"] != now["sha256"]:
            what = f"the images or labels of {now['name']} have changed since"
            if was["name"] != now["name"]:
                what = f"the data given now is {now['name']}"
            raise CheckpointError(
                f"{self.path} was trained on {was['name']}, and {what}: give it the data it was "
                "begun with, or start a new run."
            )
        wanted = {name: description[name] for name in ("objective", "model", "recipe")}
        # with the defaults of fields that are newer than the checkpoint
        model, recipe = self.config.to_dict(), self.recipe.to_dict()
        held = {"objective": self.objective, "model": model, "recipe": recipe}
        other = differences(held, wanted)
        if other:
            raise CheckpointError(f"{self.path} is of another run: {'; '.join(other)}.")


def best_of(position):
    """The best value so far of the deciding metric, from a checkpoint's position.

    Before there were objectives it was always an accuracy, and called so.
    """
    return position.get("best", position.get("best_val_accuracy"))


def unknown_fields(values):
    """The fields of a run's model and recipe that this version of minivit does not have, sorted.

    values: what a run is, as config.json and the checkpoints hold it (see `describe`).
    """
    return Config.unknown_names(values["model"]) + Recipe.unknown_names(values["recipe"])


def refuse_another_run(directory, saved):
    """Raise ConfigError if config.json in `directory` describes another run than `saved`.

    Going on from `saved` there would write over that run.
    """
    if same_run(directory, saved) is False:
        raise ConfigError(
            f"{directory.path} holds another run than {saved.path}, which would write over it; "
            "move the checkpoint to a directory of its own"
        )


def same_run(directory, saved):
    """Whether config.json in `directory` describes the run `saved`; None if it cannot be read."""
    try:
        here = json.loads(read_text(directory.config))
        return (
            here["dataset"]["sha256"] == saved.meta["dataset"]["sha256"]
            and not unknown_fields(here)
            and Config.from_dict(here["model"])
            == saved.config  # fields newer than the run: defaults
            and Recipe.from_dict(here["recipe"]) == saved.recipe
        )
    except (RunError, ValueError, KeyError, TypeError, RecursionError):
        return None
