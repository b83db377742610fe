"""What a layer promises besides right gradients; each check returns "" or what is wrong."""

import numpy as np

from ..arrays import tree
from ..arrays.keys import Key
from ..errors import CodeError
from .code import READ_ONLY

SAME_BITS = "a second forward and backward give the same bits"


def properties(layer, x, params, seed=0):
    """{what is promised: "", or in which way it is not kept}.

    Without the same bits twice, finite differences mean nothing, nor do the other checks.
    """
    problem = _same_bits(layer, x, params, seed)
    if problem:
        return {SAME_BITS: f"{problem}; random numbers must depend on the key alone"}
    return {
        SAME_BITS: "",
        "x, the parameters and dy are not written on": _unchanged(layer, x, params, seed),
        "float32 stays float32": _dtype(layer, x, params, seed),
    }


def _there_and_back(layer, x, params, seed, dtype=float, writeable=True):
    """A forward and a backward on copies -> {name: what was returned}."""

    def copied(array):
        array = array.astype(dtype)
        array.setflags(write=writeable)
        return array

    x, params = copied(x), tree.map(copied, params)
    y, cache = layer.forward(params, x, Key(0))
    dy = copied(np.random.default_rng(seed).standard_normal(y.shape))
    y = y.copy()  # backward may write on it
    dx, grads = layer.backward(dy, cache)
    return {"y": y, "dx": dx, **{f"the gradient of {n}": g for n, g in tree.walk(grads)}}


def _same_bits(layer, x, params, seed):
    one, other = (_there_and_back(layer, x, params, seed) for _ in range(2))
    changed = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    return f"{_listed(changed)} had other bits the second time" if changed else ""


def _unchanged(layer, x, params, seed):
    """NumPy raises at the first write on a read-only array, also at one that changes nothing."""
    try:
        _there_and_back(layer, x, params, seed, writeable=False)
    except CodeError as error:
        place, _, reason = str(error).partition(": ValueError")
        if READ_ONLY not in reason:
            raise
        return place
    return ""


def _dtype(layer, x, params, seed):
    returned = _there_and_back(layer, x, params, seed, np.float32)
    others = {name: value.dtype for name, value in returned.items() if value.dtype != np.float32}
    kinds = ", ".join(sorted({str(dtype) for dtype in others.values()}))
    return f"{_listed(list(others))} became {kinds}" if others else ""


def _listed(names):
    """A few names."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
