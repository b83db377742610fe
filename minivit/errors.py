"""The project's own exceptions: each carries one sentence saying what, where and what to do.

`train.py` and `python -m minivit` print that sentence and exit with status 1 (2 for a
`ConfigError`, which is wrong usage); a caller of the library catches `MinivitError`.
"""

import difflib


class MinivitError(Exception):
    """The root of everything minivit raises on purpose."""


class ConfigError(MinivitError, ValueError):
    """A size, name or option that cannot be meant."""


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


class DivergedError(MinivitError, ArithmeticError):
    """The loss is no longer a finite number."""


def unknown(kind, name, valid, meant=None):
    """One sentence for a misspelt name: what it was, the nearest valid one, and all of them.

    `meant` is the valid one where that is known better than by spelling. Capitals do not count.
    """
    valid = [str(v) for v in valid]
    small = {v.casefold(): v for v in reversed(valid)}
    near = difflib.get_close_matches(str(name).casefold(), small, n=1, cutoff=0.4)
    near = [meant] if meant in valid else [small[word] for word in near]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {str(name)!r}{hint} Valid: {', '.join(valid)}."
