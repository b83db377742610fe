"""Record: what a run leaves behind as it goes, and takes up again when it is resumed."""

import itertools

from ..errors import CheckpointError
from ..objective import deciding_metric
from ..storage import checkpoint
from ..storage.directory import RunDirectory
from ..text import counted
from .saved_arrays import hand_out, headers
from .saved_run import SavedRun, best_of


class Record:
    """How far a run has come, and its rows and checkpoints in `directory`.

    trainer: whose weights and sums are saved; description: what the run is, see `description.py`.
    epochs_done: whole epochs; elapsed: seconds; best: the best value on validation images of the
    metric that decides, None at first; best_epoch: its epoch, 0 at first; taken: the epoch whose
    weights are the run's result, where these are not the last ones, else 0. notes: what a user
    should know about a resumed run.
    """

    def __init__(self, directory, trainer, description):
        self.directory, self.trainer, self.description = directory, trainer, description
        self.epochs_done, self.elapsed, self.best, self.notes = 0, 0.0, None, []
        self.best_epoch = self.taken = 0
        self._rows = self._best_of_origin = None  # of the run that goes on, to be written by begin

    def begin(self):
        """Save at once: a directory that cannot be written to fails now, not after an epoch."""
        self.directory.tidy()
        if self._rows is not None:
            self.directory.write_rows(self._rows)
        if self._best_of_origin:
            with self.directory.writing():
                checkpoint.copy(self._best_of_origin, self.directory.best)
        self._rows = self._best_of_origin = None
        self.save()
        self.directory.write_config(self.description)

    def save(self, path=None):
        """Write a checkpoint (last.npz): weights, optimizer, position, description."""
        position = {
            "epochs_done": self.epochs_done,
            "step": self.trainer.step,
            "sums": self.trainer.read_sums(),
            "elapsed_s": self.elapsed,
            "best": self.best,
            "best_epoch": self.best_epoch,
            **({"taken": self.taken} if self.taken else {}),
        }
        meta = {**self.description, "position": position}
        arrays = self.trainer.arrays()
        if self.directory.ours:
            with self.directory.writing():
                checkpoint.save(path or self.directory.last, arrays, meta)

    def resume(self, path):
        """Take up the run at the checkpoint `path`, which must be of this model, recipe and data.

        In the run's own directory, or in a new one, to which `begin` copies rows and best.npz.
        Raises CheckpointError if it is of others, or damaged, and ConfigError if something in the
        directory would be lost.
        """
        saved = SavedRun.read(path)
        saved.refuse_others(self.description)
        origin = RunDirectory(saved.path.parent)
        elsewhere = origin.path.resolve() != self.directory.path.resolve()
        if not elsewhere:
            saved.refuse_overwriting(self.directory)
        arrays, meta = saved.load(headers(self.trainer))
        if meta != saved.meta:
            raise CheckpointError(f"{path} has changed while it was read; try again.")
        position = meta["position"]
        steps_per_epoch = self.trainer.steps // saved.recipe.epochs
        into = position["step"] - position["epochs_done"] * steps_per_epoch  # steps of the epoch
        count = position["sums"]["count"]
        if not 0 <= into <= steps_per_epoch or (into > 0) != (count > 0):
            raise CheckpointError(
                f"{path} contradicts itself: it has done {position['step']} steps and "
                f"{position['epochs_done']} epochs of {steps_per_epoch} steps, and seen "
                f"{count} images since."
            )
        self.trainer.restore(arrays, position["step"])
        self.trainer.sums.reset(position["sums"], position["sums"]["count"])
        self.epochs_done, self.elapsed = position["epochs_done"], position["elapsed_s"]
        self.best, self.best_epoch = best_of(position), position.get("best_epoch") or 0
        self.taken = position.get("taken") or 0
        self._take_rows(origin.rows())
        if elsewhere and self.directory.ours:
            self._take_best(origin.best)

    def _take_rows(self, rows):
        """Keep the rows of the epochs done; note those that are missing."""
        rows = {row["epoch"]: row for row in rows if 1 <= row["epoch"] <= self.epochs_done}
        self._rows = [rows[epoch] for epoch in sorted(rows)]
        if missing := self.epochs_done - len(rows):
            first = next(epoch for epoch in itertools.count(1) if epoch not in rows)
            self.notes.append(
                f"{self.directory.metrics} lacks the rows of {counted(missing, 'epoch')}, first of "
                f"epoch {first}; the weights are not affected"
            )

    def _take_best(self, path):
        """Keep the best checkpoint so far of the run's first directory, if it is still there."""
        try:
            if best_of(SavedRun.read(path).meta["position"]) == self.best:
                self._best_of_origin = path
        except CheckpointError:
            self.notes.append(f"{path} is not there, or damaged; the best epoch so far is lost")

    def close_epoch(self, row):
        """Write the row, best.npz if this epoch is, and last.npz.

        In this order a run that is killed in between does the epoch again and writes the same.
        Where nothing is held out to decide by, the best is the last.
        """
        metric = deciding_metric(self.trainer.objective)
        self.epochs_done, value = row["epoch"], row[f"val_{metric.name}"]
        self.trainer.sums.reset()
        self.directory.append(row)
        if value is None or metric.better(value, self.best):
            self.best, self.best_epoch = value, row["epoch"]
            self.save(self.directory.best)
            if self.directory.ours:
                with self.directory.writing():
                    checkpoint.copy(self.directory.best, self.directory.last)
        else:
            self.save()

    @property
    def over(self):
        """Whether no epoch is left to do."""
        return self.trainer.recipe.over(self.epochs_done, self.best_epoch)

    def take_best(self):
        """Make the weights of the best epoch the run's result: the trainer's, and last.npz's."""
        if self.taken or self.best_epoch == self.epochs_done:
            return
        arrays = self._best_arrays() if self.directory.ours else None
        (found,) = self.trainer.ranks.concatenate([arrays is not None])
        if not found[0]:  # by rank 0, which has the files
            return
        if arrays:
            self.trainer.restore(arrays, self.trainer.step)
        hand_out(self.trainer)
        self.taken = self.best_epoch
        self.save()

    def _best_arrays(self):
        """The arrays of the best epoch; None, and a line that says so, if they are lost."""
        try:
            best = SavedRun.read(self.directory.best)
            if best.meta["position"].get("best_epoch") != self.best_epoch:
                raise CheckpointError(f"{best.path} is not of epoch {self.best_epoch}")
            return best.load()[0]
        except CheckpointError as error:
            print(f"the weights are those of the last epoch, not of the best one: {error}")
            return None
