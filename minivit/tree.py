"""Nested dicts of arrays: parameters, gradients, caches of the same names.

A tree is a dict whose values are arrays or trees. Its leaves have dotted names
(`block3.attn.qkv.w`); two trees pair by name, and their order is the first one's.
"""

import math

import numpy as np

from .backend import to_device


def walk(tree, prefix=""):
    """Yield (dotted name, leaf) for every leaf, in the tree's own order."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from walk(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def map(function, tree, *others):
    """The tree of function(leaf, leaf of each other tree of the same names, ...)."""
    return {
        name: map(function, value, *(other[name] for other in others))
        if isinstance(value, dict)
        else function(value, *(other[name] for other in others))
        for name, value in tree.items()
    }


def unwalk(leaves):
    """The tree of (dotted name, leaf) pairs: `walk` undone, branches without leaves left out."""
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
    """Weight decay is for matrices, the leaves called `w`; not for biases, gains or embeddings."""
    return dotted.rpartition(".")[2] == "w"


def flatten(tree, xp=np, dtype=np.float32):
    """One vector under all leaves, so that an optimizer step is one pass over one array.

    Returns (vector (P,), views, decayed): `views` is the tree again, every leaf a view into
    `vector`; the first `decayed` numbers belong to the leaves that weight decay is for.
    Values are cast on the host and moved once.
    """
    leaves = list(walk(tree))
    order = sorted(leaves, key=lambda pair: not is_decayed(pair[0]))  # stable: False sorts first
    host = np.empty(count(tree), dtype)
    offsets, start = {}, 0
    for name, leaf in order:
        size = math.prod(leaf.shape)
        host[start : start + size] = leaf.reshape(-1)
        offsets[name] = (start, start + size)
        start += size
    vector = to_device(host, xp)
    decayed = sum(math.prod(leaf.shape) for name, leaf in leaves if is_decayed(name))
    views = [(n, vector[slice(*offsets[n])].reshape(leaf.shape)) for n, leaf in leaves]
    return vector, unwalk(views), decayed
