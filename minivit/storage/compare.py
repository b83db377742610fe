"""The content of a checkpoint against what is expected of it, in words that say what to change."""

import json

import numpy as np

from ..text import quoted

MAX_LISTED = 10


def differences(saved: dict, wanted: dict) -> list[str]:
    """Two configurations as readable differences: ["depth: checkpoint 6, asked 12", ...].

    Nested dictionaries are compared leaf by leaf, under names with dots. A tuple is equal to the
    list that JSON makes of it. [] if there are no differences.
    """
    saved, wanted = _flat(saved), _flat(wanted)
    lines = []
    for name in {**wanted, **saved}:
        if name not in saved:
            lines.append(f"{name}: not in the checkpoint, asked {quoted(wanted[name])}")
        elif name not in wanted:
            lines.append(f"{name}: checkpoint {quoted(saved[name])}, not asked for")
        elif saved[name] != wanted[name]:
            lines.append(f"{name}: checkpoint {quoted(saved[name])}, asked {quoted(wanted[name])}")
    return lines


def _flat(tree, prefix=""):
    """{"a": {"b": 1}} -> {"a.b": 1}, the leaves as JSON gives them back."""
    leaves = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = json.loads(json.dumps(value, default=str))
    return leaves


def mismatches(stored: dict, expected: dict) -> str:
    """Compare the arrays of a file with those expected, in one line; "" if they are the same.

    Both are {name: (shape, dtype)}. The line lists names that are missing, names that are not
    expected, and arrays of another shape or dtype; at most ten of each.
    """
    stored = {name: _in_words(*header) for name, header in stored.items()}
    expected = {name: _in_words(*header) for name, header in expected.items()}
    parts = [
        _listed("missing", [name for name in expected if name not in stored]),
        _listed("unexpected", [name for name in stored if name not in expected]),
        _listed(
            "different",
            [
                f"{name} {stored[name]}, expected {wanted}"
                for name, wanted in expected.items()
                if stored.get(name, wanted) != wanted
            ],
        ),
    ]
    return "; ".join(part for part in parts if part)


def _in_words(shape, dtype):
    """((192, 576), np.float32) -> "float32 (192, 576)"."""
    return f"{np.dtype(dtype)} {tuple(int(size) for size in shape)}"


def _listed(kind, items):
    """'missing 12: a, b, ... and 2 more', or '' for no items."""
    if not items:
        return ""
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return f"{kind} {len(items)}: {', '.join(items[:MAX_LISTED])}{more}"
