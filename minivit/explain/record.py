"""A forward and a backward of one picture that note what every layer takes and returns.

`Watched` stands in the place of a layer, and of each layer inside it. It calls the real one and
copies the arrays that go in and come out: x and y, then dy, dx and the gradients of the parameters.
"""

import copy
from dataclasses import dataclass, field, fields, is_dataclass

import numpy as np

from ..arrays import shape_only, tree
from ..errors import CheckpointError
from ..layers import CrossEntropy
from ..models import model_of


@dataclass(eq=False)
class Step:
    """What went through one layer. Arrays have the batch axis, of one picture.

    name: dotted, as "block2.attn"; layer: the layer itself; params, grads: trees ({} where there
    are none); cache: what forward returned for backward; macs: multiplications of its products.
    """

    name: str
    layer: object
    params: dict
    x: np.ndarray
    y: np.ndarray = None
    cache: object = None
    dy: np.ndarray = None
    dx: np.ndarray = None
    grads: dict = field(default_factory=dict)
    macs: int = 0


@dataclass(frozen=True)
class Walk:
    """One picture's way through a model. steps: {name: Step} in the order of forward, then "loss".

    label: the class whose loss was differentiated; loss in nats; probabilities (classes,).
    """

    config: object
    steps: dict
    label: int
    loss: float
    probabilities: np.ndarray

    @property
    def parameters(self):
        """How many the model has."""
        tops = [step.params for name, step in self.steps.items() if "." not in name]
        leaves = {id(leaf): leaf for params in tops for _, leaf in tree.walk(params)}
        return sum(leaf.size for leaf in leaves.values())  # what parts share counts once

    @property
    def macs(self):
        """Multiplications of the whole forward."""
        return sum(step.macs for name, step in self.steps.items() if "." not in name)


def walk(trained, image, label=None):
    """Forward and backward of image (H, W, C), normalised floats -> Walk.

    label: a class number; None: the class that the model answers. Raises CheckpointError for a
    model whose outputs are not finite.
    """
    steps, loss = {}, CrossEntropy()
    model = watched_model(trained.config, steps)
    with np.errstate(over="ignore", invalid="ignore"):  # it is said below
        logits, cache = model.forward(trained.params, image[None])
    if not np.isfinite(logits).all():
        raise CheckpointError("the model's outputs for this picture are not finite numbers.")
    label = int(logits[0].argmax()) if label is None else label
    nats, loss_cache = loss.forward(logits, np.array([label]))
    steps["loss"] = Step("loss", loss, {}, logits, nats, loss_cache, np.float32(1.0))
    steps["loss"].dx = loss.backward(1.0, loss_cache)
    model.backward(steps["loss"].dx, cache)
    for name, number in _macs(trained.config).items():
        steps[name].macs = number
    return Walk(trained.config, steps, label, float(nats), loss_cache[0][0])


def watched_model(config, steps):
    """A model that notes its steps in the dict `steps`."""
    model = model_of(config)
    model.parts = {name: watched(part, name, steps) for name, part in model.parts.items()}
    return model


def watched(layer, name, steps):
    """The layer as `Watched`, and inside it a copy whose fields that are layers are watched too."""
    inner = copy.copy(layer)
    for each in fields(layer) if is_dataclass(layer) else ():
        part = getattr(layer, each.name)
        if hasattr(part, "forward"):
            object.__setattr__(inner, each.name, watched(part, f"{name}.{each.name}", steps))
        elif isinstance(part, tuple):  # the layers of a chain, by name
            chained = ((n, watched(layer, f"{name}.{n}", steps)) for n, layer in part)
            object.__setattr__(inner, each.name, tuple(chained))
    return Watched(inner, layer, name, steps)


@dataclass(frozen=True)
class Watched:
    """A layer that notes in `steps` what it takes and returns, under its name."""

    inner: object
    layer: object
    name: str
    steps: dict

    def init(self, rng):
        """The layer's own."""
        return self.layer.init(rng)

    def forward(self, params, x, key=None):
        """The layer's forward; x and y are copied, because a composite may write over them."""
        step = self.steps[self.name] = Step(self.name, self.layer, params, x.copy())
        before = shape_only.macs()
        y, cache = self.inner.forward(params, x, key)
        step.macs = shape_only.macs() - before
        step.y, step.cache = y.copy(), _kept(cache)
        return y, cache

    def backward(self, dy, cache):
        """The layer's backward; dy and dx are copied for the same reason."""
        step = self.steps[self.name]
        step.dy = dy.copy()
        dx, step.grads = self.inner.backward(dy, cache)
        step.dx = dx.copy()
        return dx, step.grads


def _kept(cache):
    """A cache whose dicts are copied: backward takes its parts out of them."""
    return {n: _kept(part) for n, part in cache.items()} if isinstance(cache, dict) else cache


def _macs(config):
    """{name of a step: MACs}, from a forward on arrays without numbers."""
    steps = {}
    model = watched_model(config, steps)
    params = tree.map(lambda leaf: shape_only.like(leaf, np.float32), model.init(None))
    model.forward(params, shape_only.zeros((1, *config.image_shape), np.float32))
    return {name: step.macs for name, step in steps.items()}
