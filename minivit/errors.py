"""The errors of minivit. Each message is one sentence: what is wrong, where, and what to do.

The commands print that sentence and exit with status 1 (2 for a `ConfigError`, which is wrong
usage); a caller of the library catches `MinivitError`.
"""


class MinivitError(Exception):
    """The base of all errors that minivit raises on purpose."""


class ConfigError(MinivitError, ValueError):
    """A size, name or option that is not valid."""


class BackendError(MinivitError, RuntimeError):
    """A device or library that was asked for and is not there."""


class DataError(MinivitError, ValueError):
    """Images or labels that are missing, damaged or of another format than stated."""


class CheckpointError(MinivitError, ValueError):
    """A checkpoint that is damaged or belongs to another model."""


class RunError(MinivitError, RuntimeError):
    """A run's directory that is in use or cannot be made."""


class WorkerError(MinivitError, RuntimeError):
    """Workers that have died, or that cannot do what was asked of them."""


class DivergedError(MinivitError, ArithmeticError):
    """The loss is no longer a finite number."""
