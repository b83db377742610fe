"""Arrays in a line of text: their shapes, their sizes, and where in a model an element is."""

import numpy as np

FEW, ROOM = 6, 57  # numbers that are shown of an array, at most; columns for them


def shape_text(array):
    """ "64 x 96": without the batch axis, which is 1."""
    return " x ".join(map(str, array.shape)) or "one number"


def short(number):
    """A number of three digits, in at most 9 characters."""
    return f"{number:.3g}" if 1e-3 <= abs(number) < 1e3 or not number else f"{number:.2e}"


def norm(array):
    """The Euclidean norm, in float64: the root of the sum of squares."""
    return float(np.linalg.norm(np.asarray(array, np.float64)))


def largest(array):
    """Where the absolute value is largest -> (index, value)."""
    index = np.unravel_index(int(np.abs(array).argmax()), array.shape)
    return tuple(map(int, index)), float(array[index])


def first_numbers(array):
    """The first few numbers of the middle row, and which row that is in the array."""
    rows = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    row = len(rows) // 2
    few = [short(number) for number in rows[row, :FEW]]
    while len("  ".join(few)) > ROOM:
        few.pop()
    shown, more = "  ".join(few), "  ..." if rows.shape[1] > len(few) else ""
    at = np.unravel_index(row, array.shape[:-1]) if array.ndim > 1 else ()
    return f"[{', '.join(map(str, at))}{', ' if at else ''}:]", shown + more


def place(index, array, config):
    """Where an element is, in words: "token 9 (patch 1, 1), 4" is its number 4."""
    if array.shape == config.image_shape:
        return f"pixel {index[0]}, {index[1]}, channel {index[2]}"
    tokens = getattr(config, "tokens", None), getattr(config, "patches", None)  # not of a ResNet
    if len(index) == 2 and array.shape[0] in tokens:
        return f"{token(index[0], array.shape[0], config)}, {index[1]}"
    return ", ".join(map(str, index))


def token(number, tokens, config):
    """A token by its number, and the row and column of its patch."""
    patch = number - (tokens - config.patches)
    if patch < 0:
        return "the class token"
    row, column = divmod(patch, config.grid[1])
    return f"token {number} (patch {row}, {column})"
