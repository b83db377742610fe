"""What a checkpoint holds against what is asked of it, in words a user can act on."""

import json

import numpy as np

MAX_LISTED = 10


def differences(saved, wanted):
    """Two configurations as readable differences: ["depth: checkpoint 6, asked 12", ...].

    Nested dictionaries are compared leaf by leaf under dotted names; a tuple equals the list
    that JSON makes of it. [] if they agree.
    """
    saved, wanted = _flat(saved), _flat(wanted)
    lines = []
    for name in {**wanted, **saved}:
        if name not in saved:
            lines.append(f"{name}: not in the checkpoint, asked {wanted[name]!r}")
        elif name not in wanted:
            lines.append(f"{name}: checkpoint {saved[name]!r}, not asked for")
        elif saved[name] != wanted[name]:
            lines.append(f"{name}: checkpoint {saved[name]!r}, asked {wanted[name]!r}")
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


def mismatches(found, expected):
    """Arrays found against arrays expected, both {name: (shape, dtype)}, in one line; "" if equal.

    Names that are missing, unexpected or of another shape or dtype; at most ten of each.
    """
    found = {name: _shown(*header) for name, header in found.items()}
    expected = {name: _shown(*header) for name, header in expected.items()}
    parts = [
        _listed("missing", [name for name in expected if name not in found]),
        _listed("unexpected", [name for name in found if name not in expected]),
        _listed(
            "different",
            [
                f"{name} {found[name]}, expected {want}"
                for name, want in expected.items()
                if found.get(name, want) != want
            ],
        ),
    ]
    return "; ".join(part for part in parts if part)


def _shown(shape, dtype):
    """((192, 576), np.float32) -> "float32 (192, 576)"."""
    return f"{np.dtype(dtype)} {tuple(int(size) for size in shape)}"


def _listed(word, items):
    """'missing 12: a, b, ... and 2 more', or '' for no items."""
    if not items:
        return ""
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return f"{word} {len(items)}: {', '.join(items[:MAX_LISTED])}{more}"
