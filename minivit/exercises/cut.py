"""Cut an exercise out of the real source: the file to write in, its hint and its solution."""

import re
from textwrap import dedent, indent, wrap

from .source import (
    COLUMNS,
    Source,
    absolute_imports,
    edited,
    end_of,
    statement,
    with_numpy,
    without_others,
)

HEADER = '''"""Exercise {name}: {title}.

{about}

{task}

    {prog} --check {out}
    {prog} --hint {name}
    {prog} --solution {name}
{more}"""
'''

TASK = (
    "This is minivit/{file}; a part of {function} is missing. Replace the line `raise "
    "NotImplementedError` by your own code: the comment above it says what is wanted. Then:"
)


def exercise_text(exercise, out, prog="python -m minivit exercise"):
    """The exercise as the text of a Python file, which is to be called `out`."""
    source = Source(exercise)
    edits = _edits(source, out, prog)
    first, last = source.span()
    margin = " " * _indent(source.lines[first - 1])
    room = COLUMNS - len(margin) - len("# ")
    asked = [f"{margin}# {line}" for text in exercise.ask.split("\n") for line in wrap(text, room)]
    edits[first] = last, [*asked, f'{margin}raise NotImplementedError("{exercise.function}")']
    return with_numpy(absolute_imports(edited(source.lines, edits), exercise.file))


def hint(exercise):
    """What the exercise's docstrings leave out: the backward equations and their derivation."""
    source, parts = Source(exercise), []
    for node in source.docstrings():
        parts += _paragraphs(node.value.value, exercise, node.col_offset)[1]
    equations = [part.startswith("    ") for part in parts]
    return "\n\n".join(
        part if equation else "\n".join(wrap(part, COLUMNS))
        for part, equation in zip(parts, equations, strict=True)
    )


def solution(exercise):
    """What was cut out, as [(first line, last line, text)], in the order of the file."""
    source = Source(exercise)
    spans = sorted([source.span(), *((n.lineno, n.end_lineno) for n in _left_out(source))])
    return [(a, b, dedent("\n".join(source.lines[a - 1 : b]))) for a, b in spans]


def _left_out(source):
    """The statements and methods that would give the answer away."""
    for start in source.exercise.without:
        scope = source.owner if start.startswith("def ") else source.function
        yield statement(scope, source.lines, start)


def _edits(source, out, prog):
    """Changes of the source, but for the answer: {first line: (last line, new lines)}."""
    exercise, edits = source.exercise, without_others(source)
    for node in _left_out(source):
        edits[node.lineno] = end_of(node, source.lines), []
    about, owner = source.docstrings()[0], source.owner.body[0]
    kept, _ = _paragraphs(about.value.value, exercise, 0)
    more = "\n" + "\n\n".join(kept[1:]) + "\n" if kept[1:] else ""
    header = HEADER.format(
        name=exercise.name,
        title=exercise.title,
        task="\n".join(wrap(TASK.format(file=exercise.file, function=exercise.function), COLUMNS)),
        about="\n".join(wrap(kept[0], COLUMNS)),
        prog=prog,
        out=out if re.fullmatch(r"[\w.-]+", out) else "FILE",  # it stands in a docstring
        more=more,
    )
    edits[about.lineno] = about.end_lineno, header.splitlines()
    kept, _ = _paragraphs(owner.value.value, exercise, owner.col_offset)
    end = '\n"""' if kept[1:] else '"""'
    words = indent('"""' + "\n\n".join(kept) + end, " " * owner.col_offset)
    edits[owner.lineno] = owner.end_lineno, words.splitlines()
    return edits


def _paragraphs(docstring, exercise, margin):
    """A docstring's paragraphs -> (those that the exercise keeps, those that it leaves out)."""
    text = dedent(" " * margin + docstring).strip()
    kept, left_out, equations = [], [], 0
    for number, paragraph in enumerate(text.split("\n\n")):
        if paragraph.startswith("    "):
            equations += 1
            stays = equations <= exercise.equations
        else:
            stays = number == 0 or paragraph.startswith(("Keeps", "Source", *exercise.keep))
        (kept if stays else left_out).append(paragraph)
    return kept, left_out


def _indent(line):
    return len(line) - len(line.lstrip())
