"""The backward of a convolution with stride 1 by windows of dy: the same in less time."""

from ..arrays.backend import array_module
from ..layers.sums import token_sum
from .windows import padded, windows


def fits(conv):
    """Whether `turned_backward` can be used for a `Convolution`, and pays.

    With a larger stride dy would first need zeros between its rows and columns, and with S or more
    rows of padding S - 1 - before is below 0. Where C_out is larger than C_in, windows of dy are
    larger than those of x. S is the convolution's size, as in its docstring.
    """
    return conv.stride == 1 and max(conv.sides) < conv.size and conv.c_out <= conv.c_in


def turned_backward(conv, dy, cache):
    """What `Convolution.backward` returns, without its sum over windows that share pixels.

        padded_dy   = dy with S - 1 - before rows and columns of zeros before it, and S - 1 - after
                      behind; before, after: the convolution's own padding
        window[i,j] = padded_dy[i : i + S, j : j + S]       as one row of S*S*C_out numbers
        turned      = w with its S*S pixels in reverse order, each (C_in, C_out) transposed

        dx[i, j]    = window[i, j] @ turned
        dturned     = sum over pixels of window[i, j].T @ x[i, j]

    A pixel of x is in S*S windows of x: in the first of them it is the last pixel, in the last one
    the first. So its gradient sees dy through w turned around: dx is a convolution of dy. Windows
    of dy are gathered once, for both products. The plain form gathers windows of x for dw instead,
    and for dx adds up S*S times as many numbers as dx has.

    Source: Dumoulin & Visin 2016, arXiv:1603.07285, section 4.2.
    """
    grown, w, (_, height, width, c_in) = cache
    size, c_out = conv.size, conv.c_out
    xp, (before, after) = array_module(dy), conv.sides
    x = grown[:, before : before + height, before : before + width]
    turned = turn(w, size**2, c_in, c_out)
    view = windows(padded(dy, size - 1 - before, size - 1 - after), size, 1)
    dx, dturned = xp.empty(x.shape, dtype=dy.dtype), xp.zeros(turned.shape, dtype=w.dtype)
    for piece, rows in conv.gathered(view):
        xp.matmul(rows, turned, out=dx[piece].reshape(-1, c_in))
        dturned += rows.T @ x[piece].reshape(-1, c_in)
    dw = turn(dturned, size**2, c_out, c_in)
    return dx, {"w": dw, "b": token_sum(dy)} if conv.bias else {"w": dw}


def turn(w, pixels, c_in, c_out):
    """(pixels * C_in, C_out) -> (pixels * C_out, C_in): reverse order, each pixel transposed."""
    return w.reshape(pixels, c_in, c_out)[::-1].transpose(0, 2, 1).reshape(-1, c_in)
