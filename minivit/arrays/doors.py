"""What a caller hands in, looked at once, at the door: the model's, the loss's, the checker's.

A look costs about a microsecond. Parameters are compared leaf by leaf only after something has
failed inside, to say what it was.
"""

from contextlib import contextmanager

from ..errors import ConfigError
from . import tree


def is_array(x):
    """Whether `x` is a plain array of NumPy or CuPy: no list, and none with masked elements."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and not hasattr(x, "mask")


def described(x):
    """What was handed in, in words: "float32 (4, 7)", "a list", "a MaskedArray"."""
    if is_array(x):
        return f"{x.dtype} {tuple(int(size) for size in x.shape)}"
    return f"a {type(x).__name__}"


def check_alike(outputs, targets):
    """Raise ConfigError unless both are floats (B, K) of one shape, of at least one image."""
    fine = is_array(outputs) and outputs.ndim == 2 and outputs.size and outputs.dtype.kind == "f"
    if not fine or not is_array(targets) or targets.dtype.kind != "f":
        raise ConfigError(
            "outputs and targets must be floats (B, K) of at least one image; got "
            f"{described(outputs)} and {described(targets)}"
        )
    if targets.shape != outputs.shape:
        raise ConfigError(f"outputs {outputs.shape} need as many targets; got {targets.shape}")


@contextmanager
def explained(params, expected):
    """Around a model's forward: if parameters are why it failed, raise a ConfigError that says so.

    expected: a function that returns the tree that `params` should be.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if problem := difference(params, expected()):
            raise ConfigError(f"these parameters are not of this model: {problem}") from error
        raise


def difference(params, expected):
    """The first leaf in which two trees of arrays differ in name or shape, in words; or ""."""
    want, got = dict(tree.walk(expected)), dict(tree.walk(params))
    for name in want.keys() - got.keys():
        return f"{name} is missing"
    for name in sorted(want):
        if not is_array(got[name]) or got[name].shape != want[name].shape:
            return f"{name} is {described(got[name])}, and must be {want[name].shape}"
    return ""


def check_changeable(name, array):
    """Raise ConfigError unless `array` is of float64 and may be written on."""
    if not is_array(array) or array.dtype != "float64":
        raise ConfigError(f"{name} must be a float64 array; got {described(array)}")
    if not getattr(array.flags, "writeable", True):  # CuPy's arrays all are
        raise ConfigError(f"{name} is read-only, and is changed for the check: pass a copy of it")
