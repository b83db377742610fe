"""Check gradients: compare every hand-written backward with finite differences of its forward.

A layer maps x to y. A random dy turns y into one number, L = sum(y * dy). The gradient of L by y is
dy, so backward(dy) should return dL/dx and dL/dparam. Central differences need the forward only:

    dL/dx[i] ~ (L(x + h e_i) - L(x - h e_i)) / 2h        e_i: 1 at element i, 0 elsewhere

in float64 with h = 1e-5. The rounding error grows as eps / h, the error of curvature as h^2; here
both are below about 1e-10. The error of a leaf (x, or one parameter) is
max |analytic - numeric| / max |numeric|. Three things make the check strict: dy is random (with
gamma = 1 and dy = 1, the dx of a LayerNorm is 0, and only rounding errors would be compared), every
parameter is redrawn at random (gamma = 1 and a zero head hide mistakes), and names and shapes are
compared too.

The check cannot detect a wrong forward with a matching backward. For that, the tests compare each
forward with a slow, plain computation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import tree
from .arrays.backend import array_module, to_device, to_host
from .arrays.doors import check_changeable
from .arrays.keys import Key

STEP = 1e-5
LAYER_TOLERANCE = 1e-7
MODEL_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Check:
    """The relative error of one leaf; the index where it is largest, and the two values there."""

    leaf: str
    error: float
    index: tuple
    analytic: float
    numeric: float


def check_layer(layer, x, params: dict | None = None, key=Key(0), seed: int = 0) -> list[Check]:
    """Check dx and the gradient of every parameter, element by element -> list of `Check`.

    `x` is a float64 array, `params` a float64 tree of arrays of the same library (by default drawn
    at random in the shapes of `layer.init`). Both are changed in place and restored. `key` makes
    every forward use the same dropout masks; with None they are off. Raises AssertionError if the
    gradients' names or shapes are not those of the parameters, ConfigError for arrays of another
    dtype or that may not be changed.
    """
    _check_changeable(params or {}, x=x)
    rng, xp = np.random.default_rng(seed), array_module(x)
    if params is None:
        params = redraw(layer.init(None), rng, xp)
    y, cache = layer.forward(params, x, key)
    dy = to_device(rng.standard_normal(y.shape), xp)
    dx, grads = layer.backward(dy, cache)
    compare_names(params, grads)

    def loss():
        return float((layer.forward(params, x, key)[0] * dy).sum())

    checks = [check_leaf("x", loss, x, dx)]
    for name, (value, gradient) in paired(params, grads):
        checks.append(check_leaf(name, loss, value, gradient))
    return checks


def check_loss(loss_layer, logits, targets, dloss: float = 0.7) -> Check:
    """Check the gradient of a loss by its logits, element by element -> `Check`.

    The loss is multiplied by `dloss`, which is not 1, to detect a backward that ignores it.
    """
    _check_changeable(logits=logits)
    _, cache = loss_layer.forward(logits, targets)
    dlogits = loss_layer.backward(dloss, cache)
    return check_leaf(
        "logits", lambda: dloss * float(loss_layer.forward(logits, targets)[0]), logits, dlogits
    )


def check_model(
    model, loss_layer, params: dict, images, targets, key=Key(0), seed: int = 0
) -> list[Check]:
    """Check the whole chain from loss to images, in random directions -> list of `Check`.

    A model has too many elements to change one at a time; a direction changes all elements of a
    leaf at once. The arrays are changed in place and restored.
    """
    _check_changeable(params, images=images)
    rng, xp = np.random.default_rng(seed), array_module(images)
    logits, cache = model.forward(params, images, key)
    _, loss_cache = loss_layer.forward(logits, targets)
    dimages, grads = model.backward(loss_layer.backward(1.0, loss_cache), cache)
    compare_names(params, grads)

    def loss():
        return float(loss_layer.forward(model.forward(params, images, key)[0], targets)[0])

    checks = [check_directions("images", loss, images, dimages, rng, xp)]
    for name, (value, gradient) in paired(params, grads):
        checks.append(check_directions(name, loss, value, gradient, rng, xp))
    return checks


def check_leaf(name: str, loss: Callable[[], float], value, gradient, step=STEP) -> Check:
    """Change each element of `value` by +step and -step, and restore it -> `Check`."""
    numeric = np.empty(value.shape)
    for index in np.ndindex(value.shape):
        up, down = both_sides(loss, value, index, step)
        numeric[index] = (up - down) / (2 * step)
    return compare(name, to_host(gradient), numeric)


def check_directions(name, loss, value, gradient, rng, xp, directions=3):
    """Change `value` along a few random unit directions, and restore it -> `Check`.

    The derivative of the loss along a direction is sum(gradient * direction).
    """
    analytic, numeric = np.empty(directions), np.empty(directions)
    start = value.copy()
    for i in range(directions):
        direction = rng.standard_normal(value.shape)
        direction = to_device(direction / np.linalg.norm(direction), xp)
        analytic[i] = float((gradient * direction).sum())
        value[...] = start + STEP * direction
        up = loss()
        value[...] = start - STEP * direction
        down = loss()
        numeric[i] = (up - down) / (2 * STEP)
    value[...] = start
    return compare(name, analytic, numeric)


def _check_changeable(params=None, **arrays):
    """Raise ConfigError unless all of these are float64 arrays that may be changed in place."""
    for name, array in [*arrays.items(), *tree.walk(params or {})]:
        check_changeable(name, array)


def redraw(params, rng, xp=np):
    """A tree of the same shapes with standard normal numbers: no gamma is 1, no head is 0."""
    return tree.map(lambda p: to_device(rng.standard_normal(p.shape), xp), params)


def compare_names(params: dict, grads: dict) -> None:
    """Raise AssertionError unless the gradients have the parameters' names and shapes."""
    want = {name: leaf.shape for name, leaf in tree.walk(params)}
    got = {name: leaf.shape for name, leaf in tree.walk(grads)}
    for name in sorted(want.keys() | got.keys()):
        if want.get(name) != got.get(name):
            raise AssertionError(
                f"gradient {name}: shape {got.get(name)}, parameter has {want.get(name)}"
            )


def paired(params, grads):
    """(dotted name, (parameter, gradient)) for every leaf."""
    return tree.walk(tree.map(lambda *pair: pair, params, grads))


def both_sides(loss, value, index, step):
    """The loss with one element of `value` changed by +step, and by -step; then restore it."""
    start = value[index].copy()  # on a GPU value[index] is a view, so copy it
    value[index] = start + step
    up = loss()
    value[index] = start - step
    down = loss()
    value[index] = start
    return up, down


def compare(name, analytic, numeric):
    """Compare two arrays of derivatives -> `Check`. The error of NaN is infinite.

    If all of `numeric` is 0, the error is the difference itself, not relative.
    """
    if analytic.shape != numeric.shape:
        raise AssertionError(f"gradient {name}: shape {analytic.shape}, value {numeric.shape}")
    difference = np.abs(analytic - numeric)
    index = np.unravel_index(int(np.argmax(difference)), difference.shape)
    scale = float(np.max(np.abs(numeric)))
    error = float(difference[index]) / scale if scale else float(difference[index])
    if not math.isfinite(error):
        error = math.inf
    return Check(name, error, tuple(map(int, index)), float(analytic[index]), float(numeric[index]))
