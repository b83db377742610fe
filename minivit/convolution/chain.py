"""Chain: layers one after another, as one layer."""

from dataclasses import dataclass

from ..arrays.keys import at


@dataclass(frozen=True)
class Chain:
    """Apply several layers in turn.

        y  = last(... second(first(x)))

        dx = the same layers in reverse order; the dx of each is the dy of the next

    `layers` is a tuple of (name, layer); parameters, gradients and caches have these names. Keeps
    what its layers keep.
    """

    layers: tuple

    def init(self, rng):
        """The layers' parameters by name, of those that have some."""
        params = {name: layer.init(rng) for name, layer in self.layers}
        return {name: own for name, own in params.items() if own}

    def forward(self, params, x, key=None):
        """x -> y, cache."""
        cache = {}
        for name, layer in self.layers:
            x, cache[name] = layer.forward(params.get(name, {}), x, at(key, name))
        return x, cache

    def backward(self, dy, cache):
        """dy -> dx, grads."""
        dx, grads = dy, {}
        for name, layer in reversed(self.layers):
            dx, own = layer.backward(dx, cache.pop(name))
            if own:
                grads[name] = own
        return dx, grads
