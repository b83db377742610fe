"""A saved run: what a checkpoint says of the run it was made in, and what may not change since."""

from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..errors import CheckpointError, ConfigError
from ..models import config_of
from ..storage import checkpoint
from ..storage.compare import differences
from ..storage.directory import RunDirectory
from ..storage.meta import problem
from ..text import option, quoted
from .recipe import Recipe
from .resuming import (
    going_back,
    latest_epoch,
    refuse_another_run,
    refuse_going_back,
    unknown_fields,
)
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
            path = path / "last.npz"
        try:
            meta, headers = checkpoint.inspect(path)
        except CheckpointError as error:
            raise cls.with_the_best(error, path) from None
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
            config, recipe = config_of(meta["model"]), Recipe.from_dict(meta["recipe"])
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
    def with_the_best(cls, error, path):
        """`error` about a run's last.npz, with how to go on from best.npz if that is sound."""
        directory = RunDirectory(path.parent)
        if path.name != directory.last.name:
            return error
        try:
            best = cls.read(directory.best)
            best.load()  # and all of it can be read
        except CheckpointError:
            return error
        epoch, later = best.position[0], latest_epoch(directory) > best.position[0]
        how = going_back(directory, best) if later else option("--resume", best.path)
        return CheckpointError(
            f"{error} {best.path}, of epoch {epoch}, is good: name it as the model, or go on from "
            f"it with {how}"
        )

    def load(self, expected=None):
        """All of the checkpoint -> (arrays, meta), as `checkpoint.load` has it.

        Raises CheckpointError, which names best.npz where this is last.npz and only that is sound.
        """
        try:
            return checkpoint.load(self.path, expected)
        except CheckpointError as error:
            raise self.with_the_best(error, self.path) from None

    @property
    def device(self):
        """Where it ran: "cpu" or "gpu", which round differently; "auto" where that is not known."""
        return self.meta.get("device") or "auto"

    @property
    def arithmetic(self):
        """What computed it, as `arithmetic.py` has it; {} in older checkpoints."""
        return self.meta.get("arithmetic") or {}

    @property
    def objective(self):
        """The name of its objective. Older checkpoints hold none: there was one objective."""
        return self.meta.get("objective") or "classification"

    @property
    def position(self):
        """How far the run had come: (whole epochs, steps)."""
        position = self.meta["position"]
        return position["epochs_done"], position["step"]

    def refuse_overwriting(self, directory):
        """Raise ConfigError if going on in `directory` would lose what is there: see `resuming`."""
        refuse_another_run(directory, self)
        try:
            newest = SavedRun.read(directory.last).position
        except CheckpointError:  # it is lost; that is why another one is resumed
            newest = (0, 0)
        refuse_going_back(directory, self, newest)

    @property
    def complete(self):
        """Whether all of its epochs were done, or it had ended early, by patience."""
        position = self.meta["position"]
        return self.recipe.over(position["epochs_done"], position.get("best_epoch") or 0)

    @property
    def taken(self):
        """The epoch whose weights it holds where these are not the last ones (patience), else 0."""
        return self.meta["position"].get("taken") or 0

    def refuse_options(self, **options):
        """Raise ConfigError if an option is not what the run was begun with."""
        begun = {**self.config.to_dict(), **self.recipe.to_dict(), "preset": self.meta["preset"]}
        settings = Config.settings()
        changed = [
            f"{name} is {shown(begun[name])}, not {shown(value)}"
            for name, value in options.items()
            if begun[name] != (settings[name].plain(value) if name in settings else value)
        ]
        if changed:
            raise ConfigError(
                f"{self.path} continues as it was begun: {'; '.join(changed)}. "
                "Leave the option out, or start a new run."
            )

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
        names = was.get("classes"), now["classes"]
        if names[0] is not None and names[0] != names[1]:
            raise CheckpointError(
                f"{self.path} was trained on {was['name']}, and its classes have other names now: "
                f"{renamed(*names)}. Rename them back, or start a new run."
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


def shown(value):
    """The value of an option as it was given: "48x32" for a pair."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def renamed(was, now):
    """Two lists of names that differ, in words: "'cat' is now 'lion'"."""
    if len(was) == len(now):
        old, new = next((a, b) for a, b in zip(was, now, strict=True) if a != b)
        return f"{quoted(old)} is now {quoted(new)}"
    return f"{len(was)} then, {len(now)} now"
