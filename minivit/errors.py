"""The project's own exceptions: each carries one sentence saying what, where and what to do.

`train.py` and `python -m minivit` print that sentence and exit with the error's `status`; a caller
of the library catches `MinivitError`.
"""


class MinivitError(Exception):
    """The root of everything minivit raises on purpose. status: with which programs then exit."""

    status = 1


class ConfigError(MinivitError, ValueError):
    """A size, name or option that cannot be meant."""

    status = 2


class BackendError(MinivitError, RuntimeError):
    """A device or a library that is needed is not there."""


class DataError(MinivitError, ValueError):
    """Images or labels that are missing, damaged or not what they claim to be."""


class CheckpointError(MinivitError, ValueError):
    """A checkpoint that is damaged or belongs to another model."""


class RunError(MinivitError, RuntimeError):
    """A run's directory that is in use, cannot be made or cannot be written to."""


class WorkerError(MinivitError, RuntimeError):
    """Workers that ended early, or were asked for what they cannot do."""


class RankError(MinivitError, RuntimeError):
    """Ranks, processes that train together, of which one is lost or does something else.

    status: that of the rank's own error, if it had one.
    """

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


class DivergedError(MinivitError, ArithmeticError):
    """The loss is no longer a finite number."""

    status = 3


class CodeError(MinivitError):
    """Code of the user's own (an exercise, a layer) that fails; the second line shows its line."""
