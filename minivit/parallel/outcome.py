"""Outcome: what a worker's call led to, a result or an exception, as one value."""

import pickle
import traceback
from typing import NamedTuple

from ..errors import WorkerError
from .counter import Aborted


class Outcome(NamedTuple):
    """What a function returned, or the exception that it raised; the other one is None."""

    result: object
    error: BaseException | None


def outcome_of(function, *args):
    """Call function(*args) -> its Outcome. Every exception is caught, KeyboardInterrupt too."""
    try:
        return Outcome(function(*args), None)
    except BaseException as error:
        return Outcome(None, error)


def results_of(outcomes):
    """The results of all outcomes, a list. Raises an exception of one of them, if there is any.

    `Aborted` is raised only if there is no other: it follows from another worker's exception.
    """
    errors = [error for _, error in outcomes if error]
    for error in sorted(errors, key=lambda error: isinstance(error, Aborted)):
        raise error
    return [result for result, _ in outcomes]


def to_bytes(outcome):
    """An outcome and its traceback as bytes, for a pipe.

    If pickle cannot send it, the bytes hold a WorkerError that says so.
    """
    result, error = outcome
    trace = "".join(traceback.format_exception(error)) if error else ""
    try:
        data = pickle.dumps((result, error, trace))
        if error:
            pickle.loads(data)  # some exceptions can be written but not read
        return data
    except Exception as problem:
        reason = f"what a worker {'raised' if error else 'returned'} cannot be sent back"
        return pickle.dumps((None, WorkerError(f"{reason}: {error or problem!r}"), trace))


def from_bytes(data):
    """The Outcome that `to_bytes` wrote; an exception's cause shows the other side's traceback."""
    result, error, trace = pickle.loads(data)
    if error:
        error.__cause__ = WorkerError(f"in a worker process:\n{trace}")
    return Outcome(result, error)
