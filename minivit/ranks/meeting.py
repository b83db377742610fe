"""The meeting: before the first step, do all ranks have the same data, options and program?

Each rank brings its `Entry`. All of them are compared with that of rank 0, by every rank alike.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from ..version import VERSION

PACKAGE = Path(__file__).resolve().parents[1]


class Entry(NamedTuple):
    """What a rank brings. facts: {what it is: value}, or None if it failed.

    error, status: then how it failed, and with which exit status.
    """

    host: str
    program: str
    facts: dict | None
    error: str = ""
    status: int = 0
    directory: str = ""


ADVICE = {
    "program": "install the same one everywhere",
    "dataset": "give all ranks the same images and labels",
    "position": "give all ranks the same checkpoint",
    "weights": "give all ranks the same file to begin with",
}


def program():
    """This version of minivit, and a hash of its source."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return f"minivit {VERSION} ({digest.hexdigest()[:8]})"


def problem(entries):
    """What keeps these ranks from training together: one sentence; "" if nothing does."""
    first = entries[0]
    if first.error and all(entry.error == first.error for entry in entries):
        return first.error
    for rank, entry in enumerate(entries):
        who = f"rank {rank} (on {entry.host})"
        if entry.error and (rank == 0 or not first.error):
            return f"{who}: {entry.error}"
        if entry.program != first.program:
            words = f"{entry.program}, and rank 0 (on {first.host}) {first.program}"
            return f"{who} has {words}; {ADVICE['program']}"
    for rank, entry in enumerate(entries):
        if key := difference(entry.facts, first.facts):
            other, how = in_words(key, entry.facts[key], first.facts[key])
            advice = ADVICE.get(key, "start all ranks with the same options")
            return f"rank {rank} (on {entry.host}) has {other} than rank 0{how}; {advice}"
    return ""


def in_words(key, value, rank_0s):
    """What a rank has whose fact differs from that of rank 0, and how it differs: two texts."""
    if key == "weights":
        return "other weights", ""
    if key == "dataset" and value["sha256"] != rank_0s["sha256"]:
        name, rank_0s_name = value.get("name"), rank_0s.get("name")
        if name == rank_0s_name:
            return "other images or labels", ""
        return "another data set", f": {name}, not {rank_0s_name}"
    fields = isinstance(value, dict)
    return f"another {key}", f": {different_fields(plain(value), plain(rank_0s))}" if fields else ""


def notes(entries):
    """What differs between ranks and is allowed, in words; a list."""
    first, words = entries[0].facts["arithmetic"], []
    for rank, entry in enumerate(entries):
        if entry.facts["arithmetic"] != first:
            fields = different_fields(entry.facts["arithmetic"], first)
            words.append(
                f"note: rank {rank} (on {entry.host}) computes otherwise than rank 0 ({fields}): "
                "the bits are not those of equal machines"
            )
    return words[:3]


def difference(facts, others):
    """The first key whose values differ, apart from the arithmetic; "" if there is none.

    The data set is the first, as the sizes of the model depend on it.
    """
    keys = sorted((key for key in others if key != "arithmetic"), key=lambda key: key != "dataset")
    return next((key for key in keys if plain(facts[key]) != plain(others[key])), "")


def plain(value):
    """What of a fact must be the same: not the name of a data set, that of a directory maybe."""
    return {k: v for k, v in value.items() if k != "name"} if isinstance(value, dict) else value


def different_fields(values, others):
    """The fields that differ between two dictionaries, in words."""
    fields = [name for name in others if values.get(name) != others[name]]
    return ", ".join(f"{name} is {values.get(name)}, not {others[name]}" for name in fields[:3])
