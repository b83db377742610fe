"""The house: which room may import which. Arrows run one way, and no two modules import each other.

What a learner reads first (layers, vit, gradcheck, optim, start) never imports what a user runs.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "minivit"
WORDS = {"errors", "limits", "text"}  # below all rooms
MODEL = {
    *WORDS,
    "arrays",
    "layers",
    "convolution",
    "start",
    "settings",
    "variants",
    "config",
    "vit",
}
DATA = {*WORDS, "arrays", "data"}
KINDS = {"objective", "masked", "residual", "models"}  # of models and what they learn
TRAINING = {*MODEL, *DATA, *KINDS, "optim", "cuda", "costs", "parallel", "ranks", "storage"}
TRAINING |= {"resolution"}
GRADCHECK = {"gradcheck", "gradcheck_cases"}
MAY_IMPORT = {  # room or file: the rooms and files that it may know, besides itself
    "errors": set(),
    "limits": set(),
    "text": set(),
    "version": set(),
    "settings": WORDS,
    "arrays": WORDS,
    "layers": {"arrays", "errors"},
    "convolution": {"arrays", "errors", "layers"},
    "optim": {"arrays"},
    "start": {"arrays", "layers", "errors"},
    "variants": {*WORDS, "convolution"},
    "config": {*WORDS, "settings", "start", "convolution", "variants"},
    "vit": {*WORDS, "arrays", "layers", "start", "config", "convolution"},
    "resolution": {*WORDS, "arrays", "config"},
    "gradcheck": {"arrays"},
    "gradcheck_cases": {*MODEL, "objective", "masked", "residual", "gradcheck", "checking"},
    "costs": {*MODEL, "models"},
    "cuda": {*MODEL, "arrays", "objective", "optim", "parallel"},
    "objective": {*WORDS, "arrays", "layers"},
    "masked": {*WORDS, "settings", "arrays", "layers", "config", "vit", "objective"},
    "residual": {*WORDS, "settings", "arrays", "layers", "convolution", "config", "vit"},
    "models": {*MODEL, "objective", "masked", "residual"},
    "data": {"arrays", *WORDS},
    "parallel": {"arrays", *WORDS},
    "ranks": {"arrays", "parallel", "version", *WORDS},
    "storage": {"arrays", "version", *WORDS},
    "training": TRAINING,
    "inside": WORDS,
    "arranged": {"arrays", "layers", "vit"},
    "model_file": {*TRAINING, "training"},
    "over_images": {*MODEL, "costs", "data", "parallel", "inside", "arranged"},
    "trained": {*TRAINING, "inside", "over_images", "model_file"},
    "probe": {"errors", "arrays"},
    "evaluation": {*TRAINING, "training", "trained"},
    "pretrained": {*TRAINING, "trained"},
    "bench": {*TRAINING, "training", "trained", "arranged"},
    "figures": {*TRAINING, "training", "inside"},
    "checking": {*WORDS, "arrays", "gradcheck", "figures"},
    "explain": {*TRAINING, "trained", "evaluation", "version"},
    "exercises": {*MODEL, *GRADCHECK, "optim", "checking"},
    "ablation": {*TRAINING, "training", "trained", "evaluation", "figures"},
    "commands": {
        *TRAINING,
        "ablation",
        "training",
        "trained",
        "bench",
        "checking",
        "evaluation",
        "exercises",
        "explain",
        "figures",
        "pretrained",
        "probe",
        *GRADCHECK,
    },
    "__main__": {*WORDS, "commands"},
    "__init__": {*MODEL, "gradcheck", "trained", "pretrained", "version"},  # the public names
}
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(file):
    """minivit/data/batches.py -> "minivit.data.batches"; a room's own name for its __init__."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def imports(name):
    """The modules of the package that a module imports, also inside functions."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                if f"{base}.{alias.name}" in MODULES:
                    yield f"{base}.{alias.name}"
                elif base in MODULES:
                    yield base


def room(name):
    """ "minivit.data.augment.mix" -> "data"; of the package itself "__init__"."""
    return [*name.split("."), "__init__"][1]


@pytest.mark.parametrize("name", MODULES)
def test_a_room_knows_only_those_below_it(name):
    assert room(name) in MAY_IMPORT, f"{room(name)} is new: say in this test what it may import"
    known = MAY_IMPORT[room(name)] | {room(name)}
    wrong = sorted({other for other in imports(name) if room(other) not in known})
    assert not wrong, f"{name} imports {', '.join(wrong)}"


def test_no_two_modules_import_each_other():
    """The package's own __init__ is left out: it imports the others for their public names."""
    graph = {name: set(imports(name)) - {"minivit", name} for name in MODULES if name != "minivit"}
    for name in graph:  # a room's __init__ imports its files, which is no circle
        graph[name] -= {above for above in graph if name.startswith(f"{above}.")}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_the_rooms_know_each_other_in_one_direction():
    tuple(TopologicalSorter(MAY_IMPORT).static_order())  # raises CycleError


def test_each_room_has_a_map_of_all_its_files():
    """In the docstring of its __init__; what stands in a room's table (COMMANDS) needs no more."""
    for init in PACKAGE.rglob("*/__init__.py"):
        code = init.read_text(encoding="utf-8")
        above = (init.parent.parent / "__init__.py").read_text(encoding="utf-8")
        for file in init.parent.glob("*.py"):
            named = file.name in code or f'"{file.stem}"' in code + above
            assert named or file.name in ("__init__.py", "__main__.py"), f"{init}: {file.name}"
        assert len(ast.get_docstring(ast.parse(code)).splitlines()) <= 25


def test_no_file_is_too_long_to_be_read_at_once():
    lengths = {str(f.relative_to(PACKAGE)): len(f.read_text().splitlines()) for f in FILES}
    assert {name: length for name, length in lengths.items() if length > 200} == {}


def test_no_two_test_files_have_one_name():
    """pytest imports them by it, and would leave out the second."""
    names = [file.name for file in Path(__file__).parent.rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted(n for n in set(names) if names.count(n) > 1)
