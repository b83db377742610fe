"""The complex step: a derivative without cancellation.

    dL/dx[i] = Im L(x + i h e_i) / h        with i the imaginary unit, and h = 1e-20

For an analytic L this is exact up to h^2, and no two nearly equal numbers are subtracted: the error
is that of rounding alone, about 1e-16. It needs a forward that takes complex numbers, made of
sums, products, powers, exp, tanh and the like: abs, conjugates and real parts are not analytic.

Source: Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions".
"""

import warnings

import numpy as np

from ..arrays import tree

STEP = 1e-20


def complex_errors(point):
    """{leaf: relative error of its gradient}, or a sentence why the forward does not allow it."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return _errors(point)
    except NotAnalytic as error:
        return str(error)
    except Exception as error:  # whatever the user's forward does with complex numbers
        cause = error.__cause__ or error
        return f"forward takes no complex numbers ({type(cause).__name__})"


class NotAnalytic(Exception):  # noqa: N818 - no error of a program
    """The forward is another function for complex numbers."""


def _errors(point):
    x = point.x.astype(complex)
    params = tree.map(lambda leaf: leaf.astype(complex), point.params)

    def loss():
        y = point.layer.forward(params, x, point.key)[0]
        if y.dtype.kind != "c":
            raise NotAnalytic("forward drops the imaginary part")
        return (y * point.dy).sum()

    if not np.isclose(loss().real, point.loss(), rtol=1e-12, atol=1e-12):
        raise NotAnalytic("forward returns something else for complex numbers")
    errors = {}
    for name, value in {"x": x, **dict(tree.walk(params))}.items():
        derivative = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            start = value[index]
            value[index] = start + 1j * STEP
            derivative[index] = loss().imag / STEP
            value[index] = start
        scale = np.max(np.abs(derivative), initial=0.0) or 1.0
        difference = np.abs(derivative - point.gradients[name])
        errors[name] = float(np.max(difference, initial=0.0) / scale)
    return errors
