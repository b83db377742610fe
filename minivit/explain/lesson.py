"""What a layer's own docstring and source say, so that an explanation can never be out of date."""

import inspect
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

# A line of equations that gives a gradient: "dx = ...", "dx, dw, db = ...", "dx[:, 0] = ..."
GRADIENT = re.compile(r"^ *d[a-z]+(\[.*?\])?(, d[a-z]+)* +\+?= ", re.MULTILINE)
PACKAGE = Path(__file__).resolve().parents[1]


class Method(NamedTuple):
    """The source of a method: its file below the package, its first line there, its text."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Lesson:
    """What a layer's source says of it.

    name: of its class; about: the first line of its docstring; forward, backward: the equations, in
    lines; source: {"forward" and "backward": Method}.
    """

    name: str
    about: str
    forward: str
    backward: str
    source: dict


def lesson(layer):
    """What the source of a layer's class says of it -> Lesson."""
    return _lesson(type(layer))


@cache
def _lesson(kind):
    """The same; a model has many layers of a class, and each has two screens."""
    forward, backward = _equations(kind)
    return Lesson(
        kind.__name__,
        " ".join(inspect.getdoc(kind).split("\n\n")[0].split()),
        forward,
        backward,
        {name: _method(kind, name) for name in ("forward", "backward")},
    )


def _equations(kind):
    """The equations of forward and of backward in a class's docstring, or in its parent's."""
    for each in kind.__mro__:
        paragraphs = inspect.cleandoc(each.__doc__ or "").split("\n\n")
        equations = [dedent(text) for text in paragraphs if text.startswith("    ")]
        if equations:
            break
    first = GRADIENT.search(equations[0])
    if first:  # both in one paragraph
        equations[:1] = [equations[0][: first.start()].rstrip(), equations[0][first.start() :]]
    forward = [text for text in equations if not GRADIENT.search(text)]
    backward = [text for text in equations if GRADIENT.search(text)]
    return "\n\n".join(forward), "\n\n".join(backward)


def _method(kind, name):
    """A method of a class -> Method; the file is that of the parent if it is inherited."""
    function = getattr(kind, name)
    lines, number = inspect.getsourcelines(function)
    file = Path(inspect.getsourcefile(function)).resolve().relative_to(PACKAGE)
    return Method(file.as_posix(), number, dedent("".join(lines)).rstrip("\n"))
