"""A source file of the package as text and as syntax tree, and changes of its lines.

The tree (`ast`) knows the lines of every statement; the text is changed line by line, so comments
and layout stay as they are.
"""

import ast
from pathlib import Path
from textwrap import indent, wrap

COLUMNS = 80  # of a terminal
PACKAGE = Path(__file__).resolve().parents[1]


class Source:
    """A source file of the package: its lines, its syntax tree, the parts of an exercise."""

    def __init__(self, exercise, text=None):
        self.exercise = exercise
        self.text = text or source_text(exercise.file)
        self.lines, self.tree = self.text.splitlines(), ast.parse(self.text)
        self.owner = _named(self.tree.body, exercise.owner)
        self.function = self.tree
        for name in exercise.function.split("."):
            self.function = _named(self.function.body, name)

    def span(self):
        """The (first, last) line that are cut out, counted from 1, both included."""
        first = statement(self.function, self.lines, self.exercise.first)
        if not self.exercise.last:
            return first.lineno, self.function.end_lineno
        return first.lineno, statement(self.function, self.lines, self.exercise.last).end_lineno

    def docstrings(self):
        """The docstrings that an exercise cuts: of the module and of the class."""
        return [node.body[0] for node in (self.tree, self.owner) if ast.get_docstring(node)]


def source_text(file):
    """The text of a file of the package."""
    return (PACKAGE / file).read_text(encoding="utf-8")


def without_others(source):
    """Changes that leave out the file's other classes: they show how the answer is found."""
    edits = {}
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and node is not source.owner:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            edits[first] = end_of(node, source.lines), []
    return edits


def end_of(node, lines):
    """The last line of a definition or statement, with the empty lines after a definition."""
    last = node.end_lineno
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        while last < len(lines) and not lines[last].strip():
            last += 1
    return last


def edited(lines, edits):
    """The text with these changes."""
    new, number = [], 1
    while number <= len(lines):
        if number in edits:
            last, replaced = edits[number]
            new += replaced
            number = last
        else:
            new.append(lines[number - 1])
        number += 1
    return "\n".join(new).rstrip("\n") + "\n"


def absolute_imports(text, file):
    """The text with absolute imports of minivit, and without imports that it does not need."""
    tree_, lines, edits = ast.parse(text), text.splitlines(), {}
    used = {node.id for node in ast.walk(tree_) if isinstance(node, ast.Name)}
    package = ["minivit", *Path(file).parent.parts]
    for node in tree_.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias for alias in node.names if (alias.asname or alias.name) in used]
        shown = ", ".join(ast.unparse(alias) for alias in names)
        if isinstance(node, ast.Import):
            line = f"import {shown}"
        else:
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            line = f"from {base} import {shown}"
        if len(line) > 80:
            wrapped = wrap(shown, 76)
            line = f"{line.removesuffix(shown)}(\n" + indent("\n".join(wrapped), "    ") + "\n)"
        edits[node.lineno] = node.end_lineno, line.splitlines() if names else []
    return edited(lines, edits)


def with_numpy(text):
    """The text with `np` imported if it is not: an answer may need it."""
    if "\nimport numpy as np\n" in text:
        return text
    lines = text.splitlines()
    standard = [n for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom)]
    own = [node for node in standard if (getattr(node, "module", "") or "").startswith("minivit")]
    place = max(node.end_lineno for node in standard if node not in own)
    lines[place:place] = ["", "import numpy as np"]
    return "\n".join(lines) + "\n"


def _named(body, name):
    """The class or function called `name` in a list of statements."""
    return next(node for node in body if getattr(node, "name", None) == name)


def statement(scope, lines, start):
    """The first statement within `scope` whose code begins with `start`."""
    for node in ast.walk(scope):
        code = lines[node.lineno - 1].strip() if isinstance(node, ast.stmt) else ""
        if node is not scope and code.startswith(start):
            return node
    raise LookupError(f"no statement in {scope.name} begins with {start!r}")
