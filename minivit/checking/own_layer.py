"""A layer of the user's, by its name: FILE.py:CLASS or PACKAGE.MODULE:CLASS, with arguments."""

import ast
import sys
from contextlib import contextmanager

import numpy as np

from ..arrays import tree
from ..errors import CodeError, ConfigError
from ..gradcheck import redraw
from ..text import quoted, unknown
from .code import load_file, load_module, watched
from .guarded import Guarded


def own_layer(name, arguments=()):
    """Load the layer and make it with its arguments, as in ["dim=6", "heads=3"] -> `Guarded`.

    What is named may also be a layer that the module has made. Raises CodeError if the code fails
    or is not a layer, ConfigError for arguments that are not NAME=VALUE.
    """
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        module, path = load_file(place), place
    else:
        module = load_module(place)
        path = getattr(module, "__file__", None)
    if not hasattr(module, attribute):
        layers = [n for n, value in vars(module).items() if hasattr(value, "backward")]
        raise CodeError(f"{place}: {unknown('layer', attribute, layers or ['(none)'])}")
    layer, values = getattr(module, attribute), parsed(arguments)
    if isinstance(layer, type):
        path = getattr(sys.modules.get(layer.__module__), "__file__", path)
        with watched(path, f"{attribute}({_shown(values)})"), _advised():
            layer = layer(**values)
    elif values:
        raise ConfigError(f"{name} is made already, so --with has no use.")
    return Guarded(layer, path)


def parsed(arguments):
    """["dim=6", "gelu=tanh"] -> {"dim": 6, "gelu": "tanh"}: Python values, or else text."""
    values = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not (equals and name.isidentifier()):
            raise ConfigError(f"--with takes NAME=VALUE, as in dim=6; got {quoted(argument)}")
        try:
            values[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            values[name] = text
    return values


def inputs(layer, shape, seed):
    """A float64 x of that shape, and parameters, all at random -> x, params.

    Parameters have a standard deviation of 1/2: see `gradcheck_cases`.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    params = layer.init(np.random.default_rng(seed))
    return x, tree.map(lambda leaf: 0.5 * leaf, redraw(params, rng))


@contextmanager
def _advised():
    """Around the making of a layer: say how arguments are given, where one is missing."""
    try:
        yield
    except TypeError as error:
        if "argument" in str(error):
            error.args = (f"{error}; arguments are given as in --with dim=6 heads=3",)
        raise


def _shown(values):
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
