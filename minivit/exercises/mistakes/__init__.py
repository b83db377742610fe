"""Known mistakes of each exercise: the real source with one change, and what it means in words.

    first.py    Linear, the cross-entropy, GELU
    layers.py   LayerNorm, dropout, patchify, the position embedding
    whole.py    attention, the block, the model, AdamW

An answer whose gradient equals that of the changed source has made this mistake, however it is
written. `tests/helpers/mutations.py` plants the same mistakes: a test has to notice each of them.
"""

from typing import NamedTuple

from . import first, layers, whole


class Mistake(NamedTuple):
    """`broken` in the place of `code`, which the source file has exactly once."""

    code: str
    broken: str
    words: str


MISTAKES = {
    exercise: [Mistake(*row) for row in rows]
    for module in (first, layers, whole)
    for exercise, rows in module.MISTAKES.items()
}
MISTAKES["attention"] += MISTAKES["softmax"]  # a part of the same backward
