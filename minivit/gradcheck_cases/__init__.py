"""What `python -m minivit gradcheck` checks: every layer, the losses and a small model.

To check a layer of your own, use `gradcheck --layer FILE.py:CLASS` or call
`minivit.gradcheck.check_layer(layer, x)`; or add the layer to one of the lists: the command and the
generic tests (`tests/helpers/cases.py`) then cover it.

layers.py, convolutions.py, residual.py, masked.py
                the layers, each with the shape of its input
losses.py       the losses, with every kind of target
sizes.py        how large they are

Layers are checked as `check_layer` does it, but for elements at kinks, which are counted and left
out (`minivit.checking.kinks`).
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import tree
from ..arrays.backend import to_device
from ..arrays.keys import Key, generator
from ..checking.kinks import check_with_kinks
from ..checking.point import point_of
from ..config import POOLS, POSITIONS, Config
from ..gradcheck import (
    LAYER_TOLERANCE,
    MODEL_TOLERANCE,
    Check,
    check_loss,
    check_model,
    redraw,
)
from ..layers import CrossEntropy
from ..vit import ViT
from . import convolutions, layers, masked, residual
from .losses import LOSSES, loss_cases
from .sizes import DROP_PATH, DROPOUT, HEADS, PATCH_DROPOUT, B, C, D, M

# name: (layer, shape of its input)
LAYERS = {**layers.LAYERS, **convolutions.LAYERS, **residual.LAYERS, **masked.LAYERS}

# A small model: 4 patches, of which patch dropout keeps 2, and a class token with pool "class".
SIZES = {"image_size": 8, "patch_size": 4, "classes": C, "dim": D, "heads": HEADS, "mlp_dim": M}
RATES = {"dropout": DROPOUT, "drop_path": DROP_PATH, "patch_dropout": PATCH_DROPOUT}
MODEL = Config(**SIZES, **RATES, depth=2)
MODELS = {pool: replace(MODEL, pool=pool) for pool in POOLS}
MODELS |= {  # of the positions, a model has the first one already
    position: replace(MODEL, position=position, patch_dropout=0.0) for position in POSITIONS[1:]
}

# All that can be checked, in this order.
NAMES = (*LAYERS, *LOSSES, "ViT")


@dataclass(frozen=True)
class LeafCheck:
    """The check of one leaf: its layer, its shape, the result and the error that is allowed."""

    layer: str
    shape: tuple
    check: Check
    tolerance: float = LAYER_TOLERANCE
    kinks: int = 0  # elements of the leaf that are left out

    @property
    def ok(self):
        """Whether the error is within the tolerance."""
        return self.check.error <= self.tolerance

    @property
    def where(self):
        """Where the error is largest, in words: an index, or of the model a direction."""
        at = ", ".join(map(str, self.check.index))
        return f"direction {at}" if self.layer.startswith("ViT") else at

    @property
    def size(self):
        """The leaf's shape in words: "4 x 5 x 6"."""
        return " x ".join(map(str, self.shape))


def check(name, xp=np, seed=0):
    """Check the layer, the loss or the model called `name` -> list of `LeafCheck`.

    Inputs, parameters and masks are drawn from `seed`. Raises BackendError if a library that the
    layer needs is missing, AssertionError if the gradients' names or shapes are not those of the
    parameters.
    """
    if name in LOSSES:
        return _check_loss(name, xp, seed)
    if name == "ViT":
        return [row for name in MODELS for row in _check_model(name, xp, seed)]
    layer, x, params = layer_case(name, xp, seed)
    checks, kinks = check_with_kinks(point_of(layer, x, params, Key(seed), seed))
    at = Counter(kink.leaf for kink in kinks if kink.left_out)
    rows = leaf_checks(name, {"x": x, **dict(tree.walk(params))}, checks)
    return [replace(row, kinks=at[row.check.leaf]) for row in rows]


def layer_case(name, xp=np, seed=0):
    """A layer of LAYERS, an input and parameters to check it with."""
    layer, shape = LAYERS[name]
    rng = generator(seed, name)
    return layer, to_device(rng.standard_normal(shape), xp), _parameters(layer, rng, xp)


def model_case(name, xp=np, seed=0):
    """A model of MODELS, its loss, and what to check them with: images, labels, parameters."""
    rng, model = generator(seed, "ViT"), ViT(MODELS[name])
    images = to_device(rng.standard_normal((B, 8, 8, 3)), xp)
    labels = to_device(rng.integers(C, size=B), xp)
    return model, CrossEntropy(0.1), images, labels, _parameters(model, rng, xp)


def _check_loss(name, xp, seed):
    """A loss with every kind of target."""
    checked = []
    for kind, (loss_layer, logits, targets) in loss_cases(name, xp, seed).items():
        check = replace(check_loss(loss_layer, logits, targets), leaf=f"logits, {kind}")
        checked += leaf_checks(name, {check.leaf: logits}, [check])
    return checked


def _check_model(name, xp, seed):
    """The whole model through the loss, in random directions."""
    model, loss_layer, images, labels, params = model_case(name, xp, seed)
    checks = check_model(model, loss_layer, params, images, labels, Key(seed), seed)
    leaves = {"images": images, **dict(tree.walk(params))}
    return leaf_checks(f"ViT, {name}", leaves, checks, MODEL_TOLERANCE)


def _parameters(layer, rng, xp):
    """Every parameter at random, with standard deviation 1/2.

    With 1, the softmax of a block is so sharp for some seeds that the third derivative, which
    central differences neglect, makes an error close to the tolerance.
    """
    return tree.map(lambda p: 0.5 * p, redraw(layer.init(None), rng, xp))


def leaf_checks(name, leaves, checks, tolerance=LAYER_TOLERANCE):
    """Each check with its layer's name, its leaf's shape and its tolerance."""
    return [LeafCheck(name, leaves[check.leaf].shape, check, tolerance) for check in checks]
