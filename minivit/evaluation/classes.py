"""The classes of a data set beside those of a model."""

import numpy as np


def order(trained, dataset):
    """For each class of the data set its number in the model, (classes,); None: the same numbers.

    Classes are matched by name where both have the same names, each once, and else by number.
    """
    ours, theirs = list(trained.classes), list(dataset.classes)
    if ours == theirs or len(set(ours)) < len(ours) or set(ours) != set(theirs):
        return None
    return np.array([ours.index(name) for name in theirs]) if len(ours) == len(theirs) else None


def notes(trained, dataset):
    """What the user should know of their names -> sentences."""
    pairs = zip(trained.classes, dataset.classes, strict=False)  # one of them may have no names
    other = [(ours, theirs) for ours, theirs in pairs if ours != theirs]
    if not other:
        return
    if order(trained, dataset) is not None:
        yield "the data set has the model's classes in another order: they are matched by name"
        return
    ours, theirs = other[0]
    yield (
        f"{len(other)} of {len(dataset.classes)} classes have another name in the data set "
        f"(the first: {ours!r}, there {theirs!r}); they are matched by number"
    )
