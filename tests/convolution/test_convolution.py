"""Convolution against a loop over pixels; its windows, pieces, padding and refusals."""

from contextlib import contextmanager

import numpy as np
import pytest
from cases import B, D, close, draw, redrawn, run

from minivit import ConfigError, gradcheck, tree
from minivit.arrays.backend import to_device, to_host
from minivit.convolution import Convolution, StandardisedConv
from minivit.convolution.turned import fits
from minivit.convolution.windows import padded, same_padding, windows

FORMS = [  # size, stride, padding, height, width
    (1, 1, None, 3, 2),
    (1, 2, None, 4, 2),
    (2, 2, None, 4, 6),
    (3, 1, None, 4, 3),
    (3, 2, None, 6, 4),
    (7, 2, None, 4, 6),
    (3, 2, (1, 1), 5, 6),
    (2, 1, (2, 0), 3, 4),
    (4, 1, None, 3, 4),
    (2, 3, (0, 0), 5, 8),
]
forms = pytest.mark.parametrize("size, stride, padding, height, width", FORMS)


@contextmanager
def piece_of(numbers):
    """Inside this context, pieces of windows have `numbers` numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivit.convolution.convolution.PIECE", numbers)
        yield


def looped(x, w, b, size, stride, before, after):
    """The convolution of x by w (S*S*C_in, C_out), one number at a time."""
    images, height, width, c_in = x.shape
    rows, columns = ((n + before + after - size) // stride + 1 for n in (height, width))
    y = np.zeros((images, rows, columns, w.shape[1]))
    kernel = w.reshape(size, size, c_in, -1)
    for n, i, j, r, c in np.ndindex(images, rows, columns, size, size):
        pixel = i * stride + r - before, j * stride + c - before
        if 0 <= pixel[0] < height and 0 <= pixel[1] < width:
            for k in range(c_in):
                y[n, i, j] += x[(n, *pixel, k)] * kernel[r, c, k]
    return y + b


@forms
def test_convolution_is_a_loop_over_pixels(xp, size, stride, padding, height, width):
    layer = Convolution(3, D, size, stride, padding)
    params, x = redrawn(layer), draw((2, height, width, 3))
    before, after = padding or same_padding(size, stride)
    want = looped(x, params["w"], params["b"], size, stride, before, after)
    close(run(layer, params, x, xp), want)
    strided = np.ascontiguousarray(x.transpose()).transpose()
    close(run(layer, params, strided, xp), want)
    if padding is None:
        assert want.shape == (2, height // stride, width // stride, D)


@pytest.mark.parametrize("c_in, c_out", [(2, 3), (3, 2)])
@forms
def test_every_form_has_its_gradient(size, stride, padding, height, width, c_in, c_out):
    layer = Convolution(c_in, c_out, size, stride, padding, bias=size != 3)
    checks = gradcheck.check_layer(layer, draw((2, height, width, c_in)))
    assert [check.leaf for check in checks] == ["x", "w", "b"][: 2 + layer.bias]
    assert all(check.error <= gradcheck.LAYER_TOLERANCE for check in checks)


@pytest.mark.parametrize("numbers", [1, 40, 10**6])
@forms
def test_windows_of_dy_give_the_same_as_the_plain_backward(
    xp, size, stride, padding, height, width, numbers
):
    layer = Convolution(3, 2, size, stride, padding)
    params = tree.map(lambda p: to_device(p, xp), redrawn(layer))
    x = to_device(draw((2, height, width, 3)), xp)
    y, cache = layer.forward(params, x)
    dy = to_device(draw(y.shape, seed=5), xp)
    with piece_of(numbers):
        dx, grads = layer.backward(dy, cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivit.convolution.convolution.fits", lambda conv: False)
        plain_dx, plain = layer.backward(dy, cache)
    close(to_host(dx), to_host(plain_dx))
    for name in ("w", "b"):
        close(to_host(grads[name]), to_host(plain[name]))


def test_windows_of_dy_are_used_where_they_pay():
    assert fits(Convolution(3, 3, 3)) and fits(Convolution(4, 2, 2, padding=(1, 0)))
    assert not fits(Convolution(3, 4, 3)) and not fits(Convolution(3, 3, 3, 2))
    assert not fits(Convolution(3, 3, 2, padding=(2, 0)))


@pytest.mark.parametrize("numbers", [1, 18, 40, 54, 120, 10**6])
def test_pieces_change_nothing(numbers):
    """Less than one window, single rows of windows, an image, several images, all."""
    layer = Convolution(2, D, 3, 2)
    params, x = redrawn(layer), draw((B, 6, 4, 2))
    y, cache = layer.forward(params, x)
    dy = draw(y.shape, seed=5)
    dx, grads = layer.backward(dy, cache)
    with piece_of(numbers):
        cut, cache = layer.forward(params, x)
        dx_cut, grads_cut = layer.backward(dy, cache)
    close(cut, y)
    close(dx_cut, dx)
    close(grads_cut["w"], grads["w"])


def test_pieces_stay_as_small_as_they_are_meant_to_be():
    view = windows(padded(draw((B, 6, 6, 2)), 0, 1), 3, 2)
    with piece_of(100):
        lengths = [rows.size for _, rows in Convolution(2, D, 3, 2).gathered(view)]
    assert sum(lengths) == B * 9 * 18 and max(lengths) <= 100


@pytest.mark.parametrize(
    "size, stride, want", [(1, 1, (0, 0)), (1, 2, (0, 0)), (3, 1, (1, 1)), (3, 2, (0, 1)),
                           (7, 2, (2, 3)), (4, 1, (1, 2)), (2, 2, (0, 0))]
)  # fmt: skip
def test_padding_as_tensorflow_and_jax_have_it(size, stride, want):
    assert same_padding(size, stride) == want


def test_windows_are_views_of_the_padded_map(xp):
    x = np.arange(2 * 5 * 6 * 2.0).reshape(2, 5, 6, 2)
    view = windows(x, 3, 2)
    assert view.shape == (2, 2, 2, 3, 6) and np.shares_memory(view, x)
    for n, i, j in np.ndindex(2, 2, 2):
        window = x[n, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert (view[n, i, j].reshape(3, 3, 2) == window).all()


@pytest.mark.parametrize("sizes", [{"size": 0}, {"size": 3, "stride": 0}])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ConfigError, match="size and stride are at least 1"):
        Convolution(2, 3, **sizes)


# standardised weights


def standardised(w, eps):
    """Column by column, with NumPy's own functions."""
    columns = [(column - column.mean()) / (column.std() + eps) for column in w.T]
    return np.stack(columns, axis=1)


def test_standardised_weights_convolve(xp):
    layer, x = StandardisedConv(3, D, 3, 2), draw((2, 4, 6, 3))
    params = redrawn(layer)
    want = looped(x, standardised(params["w"], 1e-5), 0.0, 3, 2, 0, 1)
    close(run(layer, params, x, xp), want)


def test_a_shift_and_a_stretch_of_the_weights_change_nothing():
    layer, x = StandardisedConv(3, D, 3, eps=0.0), draw((2, 4, 3, 3))
    params = redrawn(layer)
    y, cache = layer.forward(params, x)
    other = {"w": 3 * params["w"] + np.arange(D)}
    close(layer.forward(other, x)[0], y)
    _, grads = layer.backward(draw(y.shape, seed=5), cache)
    close(grads["w"].sum(axis=0), 0)
    close((grads["w"] * params["w"]).sum(axis=0), 0, atol=1e-10)


def test_equal_weights_give_zero_and_a_finite_gradient(xp):
    layer, x = StandardisedConv(1, D, 1), draw((2, 2, 3, 1), xp)  # of one weight, std is 0
    y, cache = layer.forward({"w": xp.ones((1, D))}, x)
    dx, grads = layer.backward(draw(y.shape, xp), cache)
    assert not bool(y.any()) and not bool(dx.any()) and not bool(grads["w"].any())
