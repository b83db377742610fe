"""Grade an answer: against finite differences, then, where it is wrong, against known mistakes."""

from dataclasses import dataclass

import numpy as np

from ..checking.code import load_file, watched
from ..errors import CodeError
from ..gradcheck_cases import LeafCheck
from .catalogue import Exercise
from .explain import Finding, explain, real_class, same
from .subjects import subject


@dataclass(frozen=True)
class Grade:
    """The check of every leaf, and what is known about those that are wrong."""

    exercise: Exercise
    rows: list[LeafCheck]
    findings: list[Finding]

    @property
    def wrong(self):
        """The names of the leaves that are wrong."""
        return [row.check.leaf for row in self.rows if not row.ok]

    @property
    def right(self):
        """Whether the answer is right."""
        return not self.wrong and not self.findings


def grade(exercise, path):
    """Run the file and grade its answer -> `Grade`.

    Raises CodeError if the code fails, or returns what the protocol does not allow.
    """
    tried = subject(exercise)
    module = load_file(path)
    owner = getattr(module, exercise.owner, None)
    if not isinstance(owner, type):
        raise CodeError(f"{path} has no class {exercise.owner}, which the exercise is about.")
    with watched(str(path)):
        answer = tried.build(owner, str(path))
    real = tried.build(real_class(exercise))
    findings = _forward_changed(tried.outputs(answer), tried.outputs(real))
    yours = tried.values(answer)
    rows = tried.checks(answer)
    wrong = [row.check.leaf for row in rows if not row.ok]
    if wrong and not findings:
        findings = explain(exercise, tried, wrong, yours, tried.values(real))
    return Grade(exercise, rows, findings)


def _forward_changed(yours, real):
    """A Finding for each output that is not the real one's."""
    return [
        Finding((), f"Your {name} is not what the real forward returns: only the answer may change")
        for name in real
        if name not in yours or not same(np.asarray(yours[name]), np.asarray(real[name]))
    ]
