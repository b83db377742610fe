"""Nested dicts of arrays, such as parameters and their gradients.

A tree is a dict whose values are arrays or trees. Its leaves have dotted names
(`block3.attn.qkv.w`). Two trees pair by name; the result has the order of the first.
"""

import math


def walk(tree, prefix=""):
    """Yield (dotted name, leaf) for every leaf, in the order of the tree."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def map(function, tree, *others):
    """The tree of function(leaf, the other trees' leaves of the same name, ...).

    Raises KeyError if another tree lacks a leaf.
    """
    return {
        name: map(function, value, *(other[name] for other in others))
        if isinstance(value, dict)
        else function(value, *(other[name] for other in others))
        for name, value in tree.items()
    }


def read_only(tree):
    """The tree itself, its arrays read-only: NumPy raises ValueError where one is written on."""
    for _, leaf in walk(tree):
        leaf.flags.writeable = False
    return tree


def unwalk(leaves):
    """The tree of (dotted name, leaf) pairs: the inverse of `walk`, without empty branches."""
    tree = {}
    for dotted, leaf in leaves:
        *path, name = dotted.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[name] = leaf
    return tree


def count(tree):
    """How many numbers the tree holds."""
    return sum(math.prod(leaf.shape) for _, leaf in walk(tree))


def is_decayed(dotted):
    """Weight decay is for matrices, the leaves called `w`, not for biases, gains or embeddings."""
    return dotted.rpartition(".")[2] == "w"


def is_hidden_matrix(dotted):
    """A matrix of a block, a stem or a stage: an optimizer may have a rule of its own for these."""
    return is_decayed(dotted) and dotted.startswith(("block", "stem", "root", "stage"))


def layout(tree):
    """The place of each leaf in one flat vector: {dotted name: (start, stop, shape)}.

    In the vector, leaves with weight decay come first; apart from that the tree's order holds.
    """
    leaves = list(walk(tree))
    order = sorted(leaves, key=lambda pair: not is_decayed(pair[0]))  # stable: False sorts first
    places, start = {}, 0
    for name, leaf in order:
        stop = start + math.prod(leaf.shape)
        places[name] = (start, stop, leaf.shape)
        start = stop
    return {name: places[name] for name, _ in leaves}


def views(vector, places):
    """The tree of `places`; each leaf is a view into `vector`, so writing one writes the other.

    With all parameters in one vector, an optimizer step is one pass over one array.
    """
    return unwalk(
        (n, vector[start:stop].reshape(shape)) for n, (start, stop, shape) in places.items()
    )
