"""Run the quick tests against every mutation; `test_mutations.py` starts this in a copy.

Prints a JSON list with the name of the first test that fails, or null: one entry for each mutation,
and a last one for the unchanged source.
"""

import compileall
import contextlib
import importlib
import inspect
import io
import itertools
import json
import sys
import warnings
from functools import partial
from pathlib import Path
from py_compile import PycInvalidationMode

import numpy as np
import pytest

HELPERS = Path(__file__).resolve().parent
TESTS, ROOT = HELPERS.parents[0], HELPERS.parents[1]
ROOMS = (
    "layers",
    "convolution",
    "masked",
    "residual",
    "model",
    "arrays",
    "start",
    "training",
    "optim",
)
sys.path[:0] = [str(ROOT), str(HELPERS), *(str(TESTS / room) for room in ROOMS)]
sys.dont_write_bytecode = True  # a patch within one second must not meet a cached module

import strict_cupy  # noqa: E402
from mutations import MUTATIONS, NAMED  # noqa: E402

SUITES = """test_forward_oracles test_pieces test_cross_entropy test_dropout test_protocol
    test_keys test_convolution test_residual test_resnet test_masked test_kinks test_drop_path
    test_patch_dropout test_sequence_pool test_interpolation test_target_losses test_start
    test_gradients test_model test_smaller_vit test_optim""".split()  # the quickest first

# {a file or a room of the package: its tests}, where these have another name
OWN = {"vit": ("model",), "adamw": ("optim",), "checking": ("kinks",), "masked": ("masked",)}
OWN |= dict.fromkeys(("windows", "turned", "standardised", "convolution"), ("convolution",))
OWN |= dict.fromkeys(("groupnorm", "maxpool", "relu", "chain"), ("residual",))
OWN |= dict.fromkeys(("subsample", "unit", "network"), ("resnet",))
OWN |= {"early_steps": ("smaller_vit",), "block": ("dropout", "model")}
OWN |= {"cross_entropy": ("cross_entropy", "model")}
OWN |= dict.fromkeys(("mimetic", "normal", "whitening"), ("start",))
OWN |= dict.fromkeys(("squared_error", "sigmoid_cross_entropy"), ("target_losses",))
OWN |= {"resampled_positions": ("interpolation",)}

# {a file of the package: the test of test_gradients that checks all of it}
GRADIENTS = {"minivit/vit.py": "test_whole_model"}
GRADIENTS |= {"minivit/layers/cross_entropy.py": "test_cross_entropy"}


def functions(module):
    """Every (name, test function, arguments) of a module, but for tests with other fixtures."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        wanted = set(inspect.signature(function).parameters)
        fixtures = {"xp": np}
        if "syncs" in wanted:
            fixtures = {"xp": strict_cupy, "syncs": strict_cupy.syncs}
        marks = [m for m in getattr(function, "pytestmark", ()) if m.name == "parametrize"]
        for choice in itertools.product(*(mark.args[1] for mark in marks)):
            arguments = {}
            for mark, value in zip(marks, choice, strict=True):
                names = mark.args[0]
                names = names.split(",") if isinstance(names, str) else names
                names = [word.strip() for word in names]
                if hasattr(value, "marks"):  # pytest.param(...)
                    value = value.values
                elif len(names) == 1:
                    value = (value,)
                arguments.update(zip(names, value, strict=True))
            needed = {fixture: fixtures[fixture] for fixture in wanted & fixtures.keys()}
            if wanted == {*arguments, *needed}:
                yield name, function, {**arguments, **needed}


def gradients_are_wrong(file):
    """Whether what `file` defines has wrong gradients: quick, and most mistakes show it."""
    cases, gradients = map(importlib.import_module, ("cases", "test_gradients"))
    module = file.removesuffix(".py").replace("/", ".")
    try:
        for name, (layer, _) in cases.LAYERS.items():
            if type(layer).__module__ == module:
                gradients.test_every_layer(np, name)
        for name, function, arguments in functions(gradients) if file in GRADIENTS else ():
            if name == GRADIENTS[file]:
                function(**arguments)
    except pytest.skip.Exception:
        return False
    except BaseException:  # pytest.fail raises a BaseException
        return True
    return False


def first_failure(suites, mutation=None):
    """Import minivit and the suites again, run them -> the first test that fails, or None.

    mutation: for what is tried first: the gradients of its file, but where these are those of a
    whole model, its own suites. Raises if the patched source cannot be imported: such a mistake
    would prove nothing.
    """
    for name in list(sys.modules):
        if name.partition(".")[0] in ("minivit", "cases", "runs", *SUITES):
            del sys.modules[name]
    importlib.invalidate_caches()
    file = mutation[0] if mutation else ""
    first = [suite for suite in suites if file in GRADIENTS and is_own(file, suite)]
    if failed := next(filter(None, map(failure_in, first)), None):
        return failed
    if gradients_are_wrong(file):
        return f"test_gradients.{GRADIENTS.get(file, 'test_every_layer')}"
    rest = [suite for suite in suites if suite not in first]
    return next(filter(None, map(failure_in, rest)), None)


def failure_in(suite):
    """The first test of a suite that fails, or None."""
    for name, function, arguments in functions(importlib.import_module(suite)):
        try:
            function(**arguments)
        except pytest.skip.Exception:
            pass
        except BaseException:  # pytest.fail raises a BaseException
            return f"{suite}.{name}"
    return None


def is_own(file, suite):
    """Whether a suite has the tests of a file of the package."""
    file = Path(file)
    return suite.endswith(OWN.get(file.stem) or OWN.get(file.parent.name, (file.stem,)))


def rank(mutation, suite):
    """The order of suites for a mutation: the file's own, then that which most likely notices."""
    return not is_own(mutation[0], suite), mutation in NAMED and suite != "test_gradients"


def main():
    for folder in (
        "minivit",
        "tests",
    ):  # known by its hash, so that only what is patched is compiled
        compileall.compile_dir(
            ROOT / folder, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )
    verdicts = []
    for mutation in MUTATIONS:
        file, code, broken = mutation
        path = ROOT / file
        source = path.read_text(encoding="utf-8")
        path.write_text(source.replace(code, broken), encoding="utf-8")
        verdicts.append(first_failure(sorted(SUITES, key=partial(rank, mutation)), mutation))
        path.write_text(source, encoding="utf-8")
    verdicts.append(first_failure(SUITES))
    return verdicts


if __name__ == "__main__":
    if (ROOT / ".git").exists():  # a break would leave a mistake in the source
        sys.exit("this changes the source: run `python -m pytest tests/layers/test_mutations.py`, "
                 "which does it in a copy")  # fmt: skip
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        answer = main()
    print(json.dumps(answer))
