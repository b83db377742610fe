"""What a model costs: parameters, products, and the memory that a training step keeps.

Everything is read off the model itself: each part's `forward` runs once, as in training, on one
image of `arrays.shape_only`, whose arrays have shapes and no numbers. A new layer needs no line
here.

A MAC is one multiplication with its addition; FLOPs = 2 x MACs. Only matrix products are counted,
as is usual: norms, softmax and GELU are a few per cent of the operations. Training counts three
times the forward pass: backward has two products, dx and dw, for each product of forward.

Activations are the arrays in the caches that forward returns for backward, without parameters. An
array that is kept twice, or a view of another one, counts once. Small ones count as well: drop path
keeps two numbers an image in each block whose rate is above 0.

All of it is for training. With patch dropout, the blocks see only the tokens that are kept; for
evaluation, ask about `replace(config, patch_dropout=0.0)`.
"""

import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from itertools import groupby

import numpy as np

from .arrays import shape_only, tree
from .arrays.keys import Key
from .layers import CrossEntropy
from .models import model_of

KEPT = ("floats", "mask_bytes")
KINDS = ("parameters", "macs", *KEPT)


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs for one image, or `count` layers of one kind together.

    shape: of the output, without the batch axis; parameters: how many; macs: of forward; floats:
    how many floating-point numbers are kept for backward; mask_bytes: bytes of all else that is
    kept (dropout masks); parts: the LayerCosts of what a composite layer is made of.
    """

    name: str
    shape: tuple
    parameters: int = 0
    macs: int = 0
    floats: int = 0
    mask_bytes: int = 0
    count: int = 1
    parts: tuple = ()

    def activation_bytes(self, batch_size, itemsize=4):
        """Bytes kept for backward for `batch_size` images; itemsize: bytes of a float."""
        return batch_size * (itemsize * self.floats + self.mask_bytes)


@lru_cache(maxsize=64)
def layer_costs(config):
    """The parts of the model in order, the blocks as one, and the loss -> tuple of LayerCost."""
    c, key, counted, costs = config, Key(0), {}, []
    x = shape_only.zeros((1, *c.image_shape), np.float32)
    model = model_of(c)
    for name, layer in model.parts.items():
        cost, x = _measured(name, layer, x, key.at(name), counted)
        if model.owner(name) != name:  # its parameters are another part's
            cost = replace(cost, parameters=0)
        costs.append(cost)
        counted = {at: array for at, array in counted.items() if array is _owner(x)}
    rows = x.reshape(-1, x.shape[-1])  # one a image, or one a masked patch
    loss, cache = CrossEntropy().forward(rows, np.zeros(len(rows), int))
    costs.append(LayerCost("loss", np.shape(loss), **_kept(cache, counted)))
    groups = groupby(costs, key=lambda cost: cost.name.rstrip("0123456789"))
    return tuple(_together(list(group)) for _, group in groups)


def parameters(config):
    """How many parameters the model has."""
    return sum(cost.parameters for cost in layer_costs(config))


def macs(config):
    """MACs of one image's forward pass in training."""
    return sum(cost.macs for cost in layer_costs(config))


def flops(config, training=False):
    """FLOPs of one image: 2 x MACs forward, three times that in training.

    The ratio for two Configs tells how long their training steps take relative to each other.
    """
    return (3 if training else 1) * 2 * macs(config)


def activation_bytes(config, batch_size, itemsize=4):
    """Bytes that forward and loss keep for backward, for `batch_size` images."""
    return sum(cost.activation_bytes(batch_size, itemsize) for cost in layer_costs(config))


def _measured(name, layer, x, key, counted):
    """Run the layer's forward on x -> its LayerCost, y.

    counted: {id: array} of what earlier layers keep of x; what this layer keeps is added.
    """
    params = tree.map(lambda leaf: shape_only.like(leaf, x.dtype), layer.init(None))
    weights = {id(_owner(leaf)) for _, leaf in tree.walk(params)}
    calls, before = {}, shape_only.macs()
    y, cache = _noting(layer, calls).forward(params, x, key)
    cost = {"parameters": tree.count(params), "macs": shape_only.macs() - before}
    if not isinstance(cache, dict):
        cost |= _kept(cache, counted, weights)
    else:
        parts, shape = [], x.shape
        for part, part_cache in cache.items():
            # a part that is no field, such as dropout, leaves the shape as it is
            shape, part_macs = calls.get(part, (shape, 0))
            part_parameters = tree.count(params.get(part, {}))
            kept = _kept(part_cache, counted, weights)
            parts.append(LayerCost(part, shape[1:], part_parameters, part_macs, **kept))
        cost |= {kind: sum(getattr(part, kind) for part in parts) for kind in KEPT}
        cost["parts"] = tuple(parts)
    return LayerCost(name, y.shape[1:], **cost), y


def _kept(cache, counted, weights=()):
    """The floats and other bytes that `cache` keeps, without arrays in `counted` and `weights`.

    The arrays counted here are added to `counted`, {id: array}.
    """
    kept = {"floats": 0, "mask_bytes": 0}
    for owner in map(_owner, _arrays(cache)):
        if id(owner) in weights or id(owner) in counted:
            continue
        counted[id(owner)] = owner
        if owner.dtype.kind == "f":
            kept["floats"] += owner.size
        else:
            kept["mask_bytes"] += owner.nbytes
    return kept


def _arrays(cache):
    """Every array in a cache of nested dicts, tuples and lists."""
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, (dict, tuple, list)):
        for value in cache.values() if isinstance(cache, dict) else cache:
            yield from _arrays(value)


def _owner(array):
    """The array whose memory `array` is a view of, or itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _noting(layer, calls):
    """A copy of a composite layer whose fields note {name: (shape of y, MACs)} in `calls`."""
    noting = copy.copy(layer)
    for field in fields(layer) if is_dataclass(layer) else ():
        part = getattr(layer, field.name)
        if hasattr(part, "forward"):
            object.__setattr__(noting, field.name, _Noting(part, field.name, calls))
        elif isinstance(part, tuple):  # the layers of a chain, by name
            chained = ((name, _Noting(each, name, calls)) for name, each in part)
            object.__setattr__(noting, field.name, tuple(chained))
    return noting


@dataclass(frozen=True)
class _Noting:
    """A layer that notes the shape of its output and its MACs in `calls`, under `name`."""

    layer: object
    name: str
    calls: dict

    def forward(self, params, x, *key, **keywords):
        """The layer's own forward."""
        before = shape_only.macs()
        y, cache = self.layer.forward(params, x, *key, **keywords)
        self.calls[self.name] = y.shape, shape_only.macs() - before
        return y, cache


def _together(costs):
    """The sum of the costs of layers of one kind, part by part -> LayerCost."""
    first, count = costs[0], len(costs)
    if count == 1:
        return first
    sums = {kind: sum(getattr(cost, kind) for cost in costs) for kind in KINDS}
    parts = tuple(map(_together, zip(*(cost.parts for cost in costs), strict=True)))
    name = first.name if first.name == costs[-1].name else f"{first.name}..{costs[-1].name}"
    return LayerCost(name, first.shape, **sums, count=count, parts=parts)
