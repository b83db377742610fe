"""Windows: the squares of pixels that convolution and pooling look at, as views of a padded map."""

from ..arrays.backend import array_module


def same_padding(size, stride):
    """Rows (or columns) of zeros (before, after) with which H pixels give H / stride windows.

    For maps whose H is a multiple of the stride. Where the number is odd, the larger half is after,
    as "SAME" does it in TensorFlow and JAX.
    """
    total = max(0, size - stride)
    return total // 2, total - total // 2


def padded(x, before, after, value=0.0):
    """x (B, H, W, C) with `before` and `after` rows and columns of `value`; x itself if both are 0.

    The result is contiguous.
    """
    xp, (b, h, w, c) = array_module(x), x.shape
    if before == after == 0:
        return xp.ascontiguousarray(x)
    y = xp.full((b, h + before + after, w + before + after, c), value, dtype=x.dtype)
    y[:, before : before + h, before : before + w] = x
    return y


def windows(x, size, stride):
    """All windows of a contiguous map x (B, H, W, C), a view (B, H', W', S, S*C); S is `size`.

    A window's row is S*C numbers side by side in memory. Windows overlap where S is above the
    stride: whoever writes to the view writes to all windows that hold the pixel.
    """
    b, h, w, c = x.shape
    image, row, pixel, number = x.strides
    shape = (b, (h - size) // stride + 1, (w - size) // stride + 1, size, size * c)
    strides = (image, stride * row, stride * pixel, row, number)
    return array_module(x).lib.stride_tricks.as_strided(x, shape, strides)
