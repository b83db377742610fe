"""What an answer is tried with: the layer of `gradcheck_cases`, the loss, the model, a rule.

A subject has

    build(owner, path)   an object of the class `owner`, guarded if it is the answer's (path)
    values(candidate)    {leaf: its gradient}: to compare with the real one and with mistakes
    outputs(candidate)   {what: array}: what the forward returns, which an answer must not change
    checks(candidate)    [LeafCheck]: the verdict, by finite differences of the candidate's forward

`values` hands its arguments out read-only. So an answer that writes on them fails at that line.
"""

from dataclasses import fields, replace

import numpy as np

from ..arrays import tree
from ..arrays.keys import Key
from ..checking.guarded import Guarded, GuardedLoss
from ..gradcheck import (
    MODEL_TOLERANCE,
    check_layer,
    check_loss,
    check_model,
)
from ..gradcheck_cases import layer_case, leaf_checks, model_case
from ..gradcheck_cases.losses import loss_cases
from .rule import RuleSubject, random, read_only

DLOSS = 0.7  # not 1, to notice a backward that ignores it


def subject(exercise):
    """The subject of an exercise."""
    special = {"CrossEntropy": LossSubject, "ViT": ModelSubject, "AdamW": RuleSubject}
    return special.get(exercise.owner, LayerSubject)(exercise)


class LayerSubject:
    """A layer; one that is random in training is also tried in evaluation."""

    def __init__(self, exercise):
        self.layer, self.x, self.params = layer_case(exercise.owner)
        self.modes = {"": Key(0), ", evaluation": None} if exercise.random else {"": Key(0)}

    def build(self, owner, path=None):
        """A layer with the sizes of the real one."""
        return _guarded(Guarded, owner(**_settings(self.layer)), path)

    def outputs(self, layer):
        """y in each mode."""
        return {f"y{mode}": self._forward(layer, key)[0] for mode, key in self.modes.items()}

    def values(self, layer):
        """dx and the gradient of each parameter, in each mode."""
        values = {}
        for mode, key in self.modes.items():
            y, cache = self._forward(layer, key)
            dx, grads = layer.backward(random(y.shape), cache)
            for name, leaf in {"x": dx, **dict(tree.walk(grads))}.items():
                values[name + mode] = leaf
        return values

    def checks(self, layer):
        """Every element of every leaf, in each mode."""
        rows, leaves = [], {"x": self.x, **dict(tree.walk(self.params))}
        for mode, key in self.modes.items():
            checks = check_layer(layer, self.x.copy(), tree.map(np.copy, self.params), key)
            shapes = {name + mode: leaf for name, leaf in leaves.items()}
            named = [replace(check, leaf=check.leaf + mode) for check in checks]
            rows += leaf_checks(type(self.layer).__name__, shapes, named)
        return rows

    def _forward(self, layer, key):
        params = tree.map(lambda leaf: read_only(leaf.copy()), self.params)
        return layer.forward(params, read_only(self.x.copy()), key)


class LossSubject:
    """The loss, with every kind of target."""

    def __init__(self, exercise):
        self.cases = loss_cases()

    def build(self, owner, path=None):
        """{kind of target: a loss}."""
        return {
            kind: _guarded(GuardedLoss, owner(**_settings(loss)), path)
            for kind, (loss, _, _) in self.cases.items()
        }

    def outputs(self, losses):
        """The loss of each kind of target."""
        return {kind: loss.forward(*self.cases[kind][1:])[0] for kind, loss in losses.items()}

    def values(self, losses):
        """dlogits of each kind of target."""
        values = {}
        for kind, loss in losses.items():
            logits, targets = (read_only(a.copy()) for a in self.cases[kind][1:])
            values[f"logits, {kind}"] = loss.backward(DLOSS, loss.forward(logits, targets)[1])
        return values

    def checks(self, losses):
        """Every element of the logits, for each kind of target."""
        rows = []
        for kind, loss in losses.items():
            _, logits, targets = self.cases[kind]
            check = check_loss(loss, logits.copy(), targets, DLOSS)
            check = replace(check, leaf=f"logits, {kind}")
            rows += leaf_checks("CrossEntropy", {check.leaf: logits}, [check])
        return rows


class ModelSubject:
    """A small model with a class token, through its loss."""

    def __init__(self, exercise):
        self.model, self.loss, self.images, self.labels, self.params = model_case("class")

    def build(self, owner, path=None):
        """A model with the same config."""
        return _guarded(Guarded, owner(self.model.config), path)

    def outputs(self, model):
        """The logits."""
        return {"the logits": model.forward(self.params, self.images, Key(0))[0]}

    def values(self, model):
        """The gradient of the images and of each parameter."""
        logits, cache = model.forward(self.params, self.images, Key(0))
        _, loss_cache = self.loss.forward(logits, self.labels)
        dlogits = read_only(self.loss.backward(1.0, loss_cache))
        dimages, grads = model.backward(dlogits, cache)
        return {"images": dimages, **dict(tree.walk(grads))}

    def checks(self, model):
        """Each leaf in a few random directions."""
        images, params = self.images.copy(), tree.map(np.copy, self.params)
        checks = check_model(model, self.loss, params, images, self.labels)
        leaves = {"images": images, **dict(tree.walk(params))}
        return leaf_checks("ViT", leaves, checks, MODEL_TOLERANCE)


def _settings(layer):
    """The values with which a layer was made: its dataclass's fields, but for its parts."""
    return {field.name: getattr(layer, field.name) for field in fields(layer) if field.init}


def _guarded(guard, layer, path):
    return layer if path is None else guard(layer, path)
