"""A layer of the user's, guarded: every call is watched, every returned value is checked.

A `Guarded` has the methods of the layer inside, so that `gradcheck.check_layer` takes it as it is.
What breaks the protocol raises CodeError, and says what is missing or which shape was returned.
"""

import inspect

from ..arrays import tree
from ..arrays.doors import described, is_array
from ..errors import CodeError
from .code import watched

WANTED = {  # method: its arguments
    "init": ("rng",),
    "forward": ("params", "x", "key=None"),
    "backward": ("dy", "cache"),
}


class Guarded:
    """A layer whose code is in the file `path` (None: anywhere)."""

    def __init__(self, layer, path, methods=WANTED):
        self.layer, self.path, self.shapes = layer, path, None
        for name, arguments in methods.items():
            self._check_method(name, arguments)

    def init(self, rng):
        """The layer's parameters: a nested dict of arrays."""
        params = self.call("init", rng)
        if not isinstance(params, dict):
            self.fail("init", f"must return a dict of arrays ({{}} for none); got {said(params)}")
        for name, leaf in tree.walk(params):
            if not is_array(leaf) or leaf.dtype.kind != "f":
                self.fail("init", f"parameter {name} must be an array of floats; got {said(leaf)}")
        return params

    def forward(self, params, x, key=None):
        """The layer's y and cache."""
        y, cache = self.pair("forward", "y and cache", self.call("forward", params, x, key))
        if not is_array(y) or y.dtype.kind not in "fc":
            self.fail("forward", f"must return y, an array of floats, first; got {said(y)}")
        self.shapes = x.shape, {name: leaf.shape for name, leaf in tree.walk(params)}
        return y, cache

    def backward(self, dy, cache):
        """The layer's dx and gradients, of the shapes of the last forward's x and parameters."""
        returned = self.call("backward", dy, cache)
        dx, grads = self.pair("backward", "dx and a dict of gradients", returned)
        self.check_gradients(dx, grads, *self.shapes)
        return dx, grads

    def check_gradients(self, dx, grads, x_shape, shapes):
        """Raise CodeError unless dx and grads have the shapes and names of x and parameters."""
        self.check_gradient("dx", dx, x_shape, "x")
        if not isinstance(grads, dict):
            self.fail("backward", f"must return a dict of gradients second; got {said(grads)}")
        got = dict(tree.walk(grads))
        names = ", ".join(shapes) or "none"
        for name in shapes.keys() - got.keys():
            self.fail("backward", f"returned no gradient {name!r}; the parameters are: {names}")
        for name in got.keys() - shapes.keys():
            self.fail("backward", f"returned a gradient {name!r}; the parameters are: {names}")
        for name, leaf in got.items():
            self.check_gradient(f"the gradient {name!r}", leaf, shapes[name], name)

    def check_gradient(self, name, value, shape, variable):
        """Raise CodeError unless a gradient is an array of floats of its variable's shape."""
        if not is_array(value) or value.shape != shape or value.dtype.kind != "f":
            wanted = f"{variable} has shape {shape}"
            self.fail("backward", f"returned {name} as {said(value)}; {wanted}")

    def pair(self, method, what, returned):
        """The two things that a method must return as a tuple."""
        if not isinstance(returned, tuple) or len(returned) != 2:
            self.fail(method, f"must return two things, {what}; got {said(returned)}")
        return returned

    def call(self, method, *args):
        """What the layer's method returns. Raises CodeError with the user's own line."""
        with watched(self.path, self.place(method)):
            return getattr(self.layer, method)(*args)

    def fail(self, method, words):
        """Raise a CodeError about a method."""
        raise CodeError(f"{self.place(method)} {words}.")

    def place(self, method):
        """A method of the layer in words: "mine.py, line 20: MyLayer.backward"."""
        name = f"{type(self.layer).__name__}.{method}"
        code = getattr(getattr(self.layer, method, None), "__code__", None)
        return f"{code.co_filename}, line {code.co_firstlineno}: {name}" if code else name

    def _check_method(self, name, arguments):
        method, wanted = getattr(self.layer, name, None), f"{name}({', '.join(arguments)})"
        if not callable(method):
            raise CodeError(
                f"{type(self.layer).__name__} has no method {name}: a layer has {wanted}."
            )
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError:
            taken = ", ".join(map(str, inspect.signature(method).parameters.values()))
            self.fail(name, f"takes ({taken}); the protocol is {wanted}")
        except ValueError:
            pass  # a method without a signature that can be read: the call will tell


class GuardedLoss(Guarded):
    """A loss: forward(logits, targets) -> loss, cache; backward(dloss, cache) -> dlogits."""

    def __init__(self, layer, path):
        methods = {"forward": ("logits", "targets"), "backward": ("dloss", "cache")}
        super().__init__(layer, path, methods)

    def forward(self, logits, targets):
        """The loss and its cache."""
        returned = self.call("forward", logits, targets)
        self.shapes = logits.shape
        return self.pair("forward", "loss and cache", returned)

    def backward(self, dloss, cache):
        """The gradient of the logits."""
        dlogits = self.call("backward", dloss, cache)
        self.check_gradient("dlogits", dlogits, self.shapes, "logits")
        return dlogits


class GuardedRule(Guarded):
    """An update rule: init(vector) -> state; update(...) changes the vector and the state."""

    def __init__(self, rule, path):
        arguments = ("vector", "gradient", "state", "lr", "step", "decay")
        super().__init__(rule, path, {"init": ("vector",), "update": arguments})

    def init(self, vector):
        """The rule's state."""
        return self.call("init", vector)

    def update(self, *args):
        """One step, in place."""
        return self.call("update", *args)


def said(value):
    """What a method returned, in words."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, tuple):
        return f"{len(value)} things: {', '.join(map(described, value))}"
    return described(value)
