"""The first and the last screen of a walk in a terminal: the answer, and all gradients."""

from textwrap import wrap

import numpy as np

from ..arrays import tree
from ..text import columns_of, decimal, fitted, printable
from .numbers import norm, short
from .screens import COLUMNS, RULE

LONGEST = 40  # columns of a class's name


def opening(walk, picture, names, chosen):
    """The first screen: the picture, the answer, the label, and what is to come."""
    config, probabilities = walk.config, walk.probabilities
    best = np.argsort(-probabilities, kind="stable")[:5]
    shown = [printable(name) for name in names]
    width = min(LONGEST, max(columns_of(shown[i]) for i in best))
    bars = [f"  {fitted(shown[i], width)}  {probabilities[i]:6.1%}" for i in best]
    own = walk.label == best[0]
    why = "the model's own answer" if own else f"not the model's answer, {shown[best[0]]}"
    size = " x ".join(map(str, config.image_shape))
    sentences = (
        f"The label is {shown[walk.label]} ({why}); --label NAME takes another one. Its loss is "
        f"-log p = {short(walk.loss)} nats; all gradients are of this number."
    )
    return "\n".join(
        [
            printable(picture.name),
            *wrap(picture.note, COLUMNS),
            f"{size}, normalised, through {walk.parameters:,} parameters and "
            f"{decimal(walk.macs)} MACs",
            "",
            *bars,
            "",
            *wrap(sentences, COLUMNS),
            f"{len(chosen)} layers forward, then the same ones backward.",
        ]
    )


def closing(walk):
    """The last screen: the gradient of every part's parameters and of what goes in, in a table."""
    line = "{:<14}{:>13}{:>12}{:>12}{:>14}"
    rows = [line.format("layer", "norm of dy", "of dx", "of grads", "of parameters"), RULE]
    for name, step in reversed(walk.steps.items()):
        if "." not in name:
            grads, params = (_whole(values) for values in (step.grads, step.params))
            rows.append(line.format(name, *map(short, (norm(step.dy), norm(step.dx))),
                                    grads, params))  # fmt: skip
    return "\n".join(["The way back, layer by layer:", "", *rows])


def _whole(leaves):
    """The norm of all leaves of a tree together; "-" where there are none."""
    total = sum(norm(leaf) ** 2 for _, leaf in tree.walk(leaves)) ** 0.5
    return short(total) if leaves else "-"
