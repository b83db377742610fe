"""Run the quick tests against every mutation; `test_mutations.py` starts this in a copy of the tree.

Prints one JSON list: for each mutation, then for the source as it stands, the name of the first
test that fails, or null.
"""

import contextlib
import importlib
import inspect
import io
import itertools
import json
import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
sys.dont_write_bytecode = True  # a patch within one second must not meet a cached module

SUITES = ("test_forward_oracles", "test_gradients", "test_protocol", "test_model", "test_chance")


def functions(module):
    """Every (name, test function, arguments) of a module that asks for nothing but `xp`."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        marks = [m for m in getattr(function, "pytestmark", ()) if m.name == "parametrize"]
        for choice in itertools.product(*(mark.args[1] for mark in marks)):
            arguments = {}
            for mark, value in zip(marks, choice, strict=True):
                names = [word.strip() for word in mark.args[0].split(",")]
                value = value.values if hasattr(value, "marks") else value
                value = value if len(names) > 1 or hasattr(value, "marks") else (value,)
                arguments.update(zip(names, value, strict=True))
            wanted = set(inspect.signature(function).parameters)
            if "xp" in wanted:
                arguments["xp"] = np
            if wanted == set(arguments):
                yield name, function, arguments


def first_failure():
    """Import minivit and the suites anew, run them -> name of the first test that fails, or None."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("minivit", "cases", *SUITES):
            del sys.modules[name]
    importlib.invalidate_caches()
    try:
        for suite in SUITES:
            for name, function, arguments in functions(importlib.import_module(suite)):
                try:
                    function(**arguments)
                except BaseException as error:
                    return f"{name} {arguments}: {type(error).__name__}"
    except Exception as error:
        return f"importing: {type(error).__name__}: {error}"
    return None


def main():
    from mutations import MUTATIONS

    verdicts = []
    for file, code, broken in MUTATIONS:
        path = HERE.parent / file
        source = path.read_text(encoding="utf-8")
        path.write_text(source.replace(code, broken), encoding="utf-8")
        verdicts.append(first_failure())
        path.write_text(source, encoding="utf-8")
    verdicts.append(first_failure())
    return verdicts


if __name__ == "__main__":
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        answer = main()
    print(json.dumps(answer))
