"""python -m minivit exercise: write a backward yourself, and have it graded."""

import ast
import json
import re
from pathlib import Path

from ..checking.code import read
from ..errors import CodeError, ConfigError, RunError
from ..exercises import report
from ..exercises.catalogue import EXERCISES
from ..exercises.cut import exercise_text
from ..exercises.grade import grade
from ..text import quoted, shell
from .arguments import choice, path

EPILOG = """\
An exercise is a source file of minivit with one piece cut out, mostly the body
of a backward. --check runs the file, compares each gradient with finite
differences, and names the mistake where it knows it. The exit status is 0 if
all is right, 1 if not. Nothing in the file is run before.

examples:
  {prog} layernorm
  {prog} --check layernorm_exercise.py
"""


def add_arguments(parser):
    """Add the command's arguments and options."""
    name = choice("exercise", EXERCISES)
    parser.usage = "%(prog)s [NAME] [options]"
    parser.add_argument(
        "name", metavar="NAME", nargs="?", type=name, help="write the file of this exercise"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=path, help="another file than NAME_exercise.py"
    )
    parser.add_argument("--check", metavar="FILE", type=path, help="grade the answer in FILE")
    parser.add_argument("--hint", metavar="NAME", type=name, help="print the backward's equations")
    parser.add_argument("--solution", metavar="NAME", type=name, help="print the real code")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)
    parser.set_defaults(prog=parser.prog)


def main(args):
    """Do the one thing that was asked for -> 0, or 1 for an answer that is wrong."""
    wanted = [word for word in ("check", "hint", "solution") if getattr(args, word)]
    if len(wanted) > 1 or (args.name and wanted not in ([], ["check"])):
        raise ConfigError(f"one thing at a time: NAME, or --{' or --'.join(wanted)}.")
    if args.out and (wanted or not args.name):
        raise ConfigError("--out names the file of a new exercise: it needs NAME, and no more.")
    if args.check:
        return _check(args)
    if args.hint:
        exercise = EXERCISES[args.hint]
        return _print(args, report.hinted(exercise, args.prog), exercise=exercise.name)
    if args.solution:
        exercise = EXERCISES[args.solution]
        return _print(args, report.solved(exercise), exercise=exercise.name)
    if args.name:
        return _write(args, EXERCISES[args.name])
    titles = {exercise.name: exercise.title for exercise in EXERCISES.values()}
    return _print(args, report.listed(args.prog), exercises=titles)


def _print(args, text, **found):
    """Print the text, or with --json an object -> 0."""
    print(json.dumps({**found, "text": text}, indent=2) if args.json else text)
    return 0


def _write(args, exercise):
    """Write the exercise's file, never over another one -> 0."""
    file = args.out or f"{exercise.name}_exercise.py"
    try:
        with open(file, "x", encoding="utf-8") as new:
            new.write(exercise_text(exercise, Path(file).name, args.prog))
    except FileExistsError:
        raise RunError(
            f"{file} is there already, and is left as it is: grade it with --check {shell(file)}, "
            "or name another file with --out."
        ) from None
    return _print(
        args, report.written(exercise, file, args.prog), exercise=exercise.name, file=file
    )


def _check(args):
    """Grade the answer in a file -> 0 if it is right, 1 if not."""
    exercise = EXERCISES[args.name or _name_of(args.check)]
    result = grade(exercise, args.check)
    if args.json:
        print(json.dumps(_as_json(result, args.check), indent=2))
    else:
        print(report.graded(result, args.check, args.prog))
    return 0 if result.right else 1


def _name_of(file):
    """Which exercise a file is, by its first line or its name; the file is read, not run."""
    text = read(file)
    try:
        first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # it is said, with its line, when the file is run
        first = "".join(text.splitlines()[:1]).lstrip("\"' ")
    found = re.match(r"Exercise (\w+)", first) or re.match(r"(\w+?)_exercise", Path(file).name)
    if not found:
        raise CodeError(
            f"{file} is not an exercise: its first line names none; say which it is, "
            f"as in: layernorm --check {shell(file)}."
        )
    if found[1] not in EXERCISES:
        raise CodeError(f"{file}: there is no exercise {quoted(found[1])}.")
    return found[1]


def _as_json(result, file):
    """A grade as values that JSON can hold; an infinite error is null."""
    rows = [
        {
            "gradient_of": row.check.leaf,
            "shape": list(row.shape),
            "error": row.check.error if row.check.error < float("inf") else None,
            "worst_at": list(row.check.index),
            "right": bool(row.ok),
        }
        for row in result.rows
    ]
    findings = [{"of": list(f.leaves), "words": f.words} for f in result.findings]
    found = {"exercise": result.exercise.name, "file": file, "right": result.right}
    return {**found, "gradients": rows, "findings": findings}
