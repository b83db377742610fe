"""What the command `exercise` prints, in 80 columns."""

from textwrap import wrap

from ..text import shell
from .catalogue import EXERCISES
from .cut import hint, solution
from .source import COLUMNS

LINE = "{:<18}{:>13}{:>9}  {:<12}{:>9}{:>10}  {}"
MOST_ROWS = 20  # of a long table only the wrong rows are shown
MOST_FINDINGS = 4


def listed(prog):
    """The list of all exercises, from easy to hard."""
    lines = [f"{n:>2}  {e.name:<15}{e.title}" for n, e in enumerate(EXERCISES.values(), 1)]
    about = (
        "Each exercise is a file of minivit with one piece cut out: write it, and have it graded."
    )
    start = f"start with: {prog} {next(iter(EXERCISES))}"
    return "\n".join([*wrap(about, COLUMNS), "", *lines, "", start])


def written(exercise, file, prog):
    """What to do with a new exercise file."""
    what = f"{file} is there: in it, a part of {exercise.function} is missing."
    return f"{what}\nWrite that, then: {prog} --check {shell(file)}"


def hinted(exercise, prog):
    """The hint, and where the answer is."""
    return f"{hint(exercise)}\n\nthe answer: {prog} --solution {exercise.name}"


def solved(exercise):
    """The real lines, and where they stand."""
    parts = []
    for first, last, code in solution(exercise):
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        parts.append(f"minivit/{exercise.file}, {lines}:\n\n{code}")
    return "\n\n".join(parts)


def graded(grade, file, prog):
    """A grade as text: a line for each gradient, then what is wrong, and what comes next."""
    exercise = grade.exercise
    title = f"{exercise.name}: {exercise.function} in {file}"
    what = "number" if exercise.owner == "AdamW" else "gradient of"
    head = LINE.format(what, "shape", "error", "worst at", "yours", "right", "").rstrip()
    lines = [title, "", *_table(grade.rows, head), ""]
    for finding in grade.findings[:MOST_FINDINGS]:
        lines += [*_finding(finding, "" if what == "number" else "gradient{} of "), ""]
    return "\n".join([*lines, _verdict(grade, prog)])


def _table(rows, head):
    """A line for each leaf, or for those that are wrong if there are many leaves."""
    if len(rows) <= MOST_ROWS:
        return [head, *map(_row, rows)]
    wrong = [row for row in rows if not row.ok]
    if not wrong:
        worst = max(rows, key=lambda row: row.check.error)
        return [f"the largest error is {worst.check.error:.1e}, in {worst.check.leaf}"]
    more = len(wrong) - MOST_ROWS
    lines = [head, *map(_row, wrong[:MOST_ROWS])]
    return [*lines, *([f"{more} more are wrong"] if more > 0 else [])]


def _row(row):
    """One leaf: its error, and the two values where it is largest."""
    check = row.check
    yours, right = ("", "") if row.ok else (f"{check.analytic:.3g}", f"{check.numeric:.3g}")
    mark = "ok" if row.ok else "WRONG"
    name = check.leaf if len(check.leaf) <= 18 else f"..{check.leaf[-16:]}"
    return LINE.format(name, row.size, f"{check.error:.1e}", row.where, yours, right, mark)


def _finding(finding, what):
    """What is wrong, after the names of the gradients that it explains."""
    if not finding.leaves:
        return wrap(f"{finding.words}.", COLUMNS)
    shown = [*finding.leaves[:4], *(["..."] if finding.leaves[4:] else [])]
    plural, verb = ("s", "are") if len(shown) > 1 else ("", "is")
    subject = f"Your {what.format(plural)}{', '.join(shown)} {verb}"
    if not finding.mistake:
        return wrap(f"{subject} {finding.words}.", COLUMNS)
    return [
        *wrap(f"{subject} exactly what comes out of this mistake:", COLUMNS),
        *wrap(f"{finding.words}.", COLUMNS, initial_indent="    ", subsequent_indent="    "),
    ]


def _verdict(grade, prog):
    """The last line: right or wrong, and what to do next."""
    total, wrong, names = len(grade.rows), len(grade.wrong), list(EXERCISES)
    if wrong:
        return f"{wrong} of {total} wrong. A hint: {prog} --hint {grade.exercise.name}"
    if not grade.right:
        return f"The gradients are right, but not the rest: {prog} {grade.exercise.name} --out NEW"
    what = f"All {total} are right" if total > 1 else "It is right"
    following = names[names.index(grade.exercise.name) + 1 :]
    return f"{what}. " + (f"Next: {prog} {following[0]}" if following else "That was the last one.")
