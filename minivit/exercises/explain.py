"""Why a gradient is wrong: it equals that of a known mistake, or the right one but for a factor."""

import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ..text import counted
from .mistakes import MISTAKES
from .source import source_text

SAME = 1e-9  # relative: two gradients are the same


@dataclass(frozen=True)
class Finding:
    """What is wrong with some leaves, in words: a known mistake, or how they look (after "is")."""

    leaves: tuple[str, ...]
    words: str
    mistake: bool = False


def real_class(exercise, code="", broken=""):
    """The class of the real source, or of the source with `broken` in the place of `code`."""
    text = source_text(exercise.file)
    if code:
        if text.count(code) != 1:
            raise LookupError(f"{exercise.file} has {code!r} not exactly once")
        text = text.replace(code, broken)
    package = ["minivit", *exercise.file.split("/")[:-1]]
    module = ModuleType(".".join([*package, "changed"]))
    module.__package__ = ".".join(package)
    sys.modules[module.__name__] = module  # dataclasses look for it
    try:
        exec(compile(text, f"minivit/{exercise.file}", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return getattr(module, exercise.owner)


def explain(exercise, tried, wrong, yours, right):
    """What is known about the wrong leaves -> list of `Finding`.

    A mistake whose every gradient is the answer's explains all. Otherwise each leaf is explained
    by a mistake that gives the same, or else by its relation to the right gradient.
    """
    partly = {}
    for mistake in MISTAKES[exercise.name]:
        values = tried.values(tried.build(real_class(exercise, mistake.code, mistake.broken)))
        if all(same(yours[name], values[name]) for name in right):
            return [Finding(tuple(wrong), mistake.words, True)]
        for name in wrong:
            if same(yours[name], values[name]):
                partly.setdefault(mistake.words, []).append(name)
    findings, left = [], list(wrong)
    for words, names in sorted(partly.items(), key=lambda pair: -len(pair[1])):
        explained = [name for name in names if name in left]
        if explained:
            findings.append(Finding(tuple(explained), words, True))
            left = [name for name in left if name not in explained]
    alike = {}
    for name in left:
        alike.setdefault(relation(yours[name], right[name]), []).append(name)
    findings += [Finding(tuple(names), words) for words, names in alike.items()]
    if parts := [name for name in left if "." in name and "," not in name]:
        words = (
            f"On the way back, the first wrong gradient is that of {parts[-1]}: look there first"
        )
        findings.insert(0, Finding((), words))
    return findings


def relation(yours, right):
    """How a wrong gradient relates to the right one, in words that follow "it is"."""
    if not np.isfinite(yours).all():
        return "not finite in some elements"
    if not yours.any():
        return "zero everywhere"
    factor = float((yours * right).sum() / max((right * right).sum(), np.finfo(float).tiny))
    if factor and same(yours, factor * right):
        if abs(factor + 1) < SAME:
            return "right but for the sign"
        return f"{factor:.6g} times as large as it must be" + _inverse(factor)
    if yours.ndim == 2 and yours.shape[0] == yours.shape[1] and same(yours.T, right):
        return "transposed"
    if same(np.sort(yours, axis=None), np.sort(right, axis=None)):
        return "made of the right numbers, but in wrong places"
    return _where(np.abs(yours - right) > 1e-7 * np.max(np.abs(right)))


def _where(wrong):
    """Which elements are wrong, in words."""
    count, places = int(wrong.sum()), np.argwhere(wrong)
    words = f"wrong in {count} of {wrong.size} elements"
    if count == wrong.size:
        return f"wrong in {'all ' * (count > 1)}{counted(count, 'element')}"
    for axis, index in enumerate(places[0]):
        if wrong.shape[axis] > 1 and (places[:, axis] == index).all():
            words += f", only where index {axis} is {index}"
    return words


def _inverse(factor):
    """1/20 for 0.05: a size that was forgotten is easier to see as a whole number."""
    whole = round(1 / factor)
    return f" (1/{whole})" if abs(whole) > 1 and abs(factor * whole - 1) < SAME else ""


def same(one, other):
    """Whether two arrays are equal to `SAME`, relative to the larger one's largest number."""
    if np.shape(one) != np.shape(other) or not np.isfinite(one).all():
        return False
    scale = max(float(np.max(np.abs(other), initial=0.0)), np.finfo(float).tiny)
    return float(np.max(np.abs(one - other), initial=0.0)) <= SAME * scale
