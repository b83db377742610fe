"""python -m tests.reliability.matrix: the reliability matrix, each row with what proves it.

With --run the tests that the rows name are run first, and a row with one that fails is not proved.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TEXT = Path(__file__).with_name("rows.txt")
PAGE = TESTS.parent / "docs" / "reliability.md"
STATES = ("proved", "argued", "later", "missing", "failed")


@dataclass(frozen=True)
class Row:
    """One row. tests: their ids for pytest; words: "argued" and "later: ..."."""

    number: str
    priority: str
    case: str
    tests: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def state(self):
        """One of STATES but the last."""
        if any(word.startswith("later") for word in self.words):
            return "later"
        if "argued" in self.words:
            return "argued"
        return "proved" if self.tests else "missing"


def rows():
    """All rows."""
    named = tests_named_after_rows()
    made = []
    for line in TEXT.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        head, case, proof = (part.strip() for part in line.split("|"))
        number, priority = head.split()
        parts = [part.strip() for part in proof.split(",") if part.strip()]
        tests = [_test(part) for part in parts if "::" in part] + named.get(number, [])
        words = tuple(part for part in parts if "::" not in part)
        made.append(Row(number, priority, case, tuple(tests), words))
    return made


def _test(short):
    """ "data/cifar::damaged_archives" -> "tests/data/test_cifar.py::test_damaged_archives"."""
    file, name = short.split("::")
    folder, file = file.split("/")
    return f"tests/{folder}/test_{file}.py::test_{name}"


def tests_named_after_rows():
    """{number: ids of the tests in this directory that are named after it}."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for name in functions(file):
            if match := re.match(r"test_([DKSNCX]\d\d)_", name):
                found.setdefault(match[1], []).append(f"tests/reliability/{file.name}::{name}")
    return found


@cache
def functions(file):
    """The names of the functions that a file defines."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def argued_on_the_page():
    """The numbers that docs/reliability.md argues, each in bold: **D16**."""
    return set(re.findall(r"\*\*([DKSNCX]\d\d)\*\*", PAGE.read_text(encoding="utf-8")))


def failures(ids):
    """Run these tests -> the ids of those that failed."""
    line = [sys.executable, "-m", "pytest", "-q", "-rfE", *sorted(ids)]
    done = subprocess.run(line, cwd=TESTS.parent, capture_output=True, text=True)
    bad = re.findall(r"^(?:FAILED|ERROR) (\S+?::\w+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return set(bad)


def sentence(table):
    """The counts in one line, as the README has it."""
    counts = Counter(row.state for row in table)
    words = {"proved": "proved by tests", "argued": "argued on that page",
             "later": "still to come", "missing": "missing"}  # fmt: skip
    parts = [f"{counts[state]} {said}" for state, said in words.items() if counts[state]]
    return f"{len(table)} rows, {', '.join(parts)}"


def main():
    """Print the matrix and its counts -> 0 if nothing is missing or failed."""
    table = rows()
    bad = failures({t for row in table for t in row.tests}) if "--run" in sys.argv[1:] else set()
    counts = Counter()
    for row in table:
        state = "failed" if bad & set(row.tests) else row.state
        counts[row.priority, state] += 1
        proof = [*row.words, *(name.removeprefix("tests/") for name in row.tests)]
        print(f"{row.number} {row.priority} {state:8} {row.case:50} {', '.join(proof)}")
    print()
    for priority in ("P0", "P1", "P2"):
        parts = [f"{counts[priority, s]} {s}" for s in STATES if counts[priority, s]]
        total = sum(count for (p, _), count in counts.items() if p == priority)
        print(f"{priority}: {total} rows: {', '.join(parts)}")
    print(f"all: {sentence(table)}")
    return int(any(counts[p, s] for p in ("P0", "P1") for s in ("missing", "failed")))


if __name__ == "__main__":
    sys.exit(main())
