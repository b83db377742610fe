"""Pieces: do a chain of elementwise operations on one cache-sized piece of the arrays at a time.

On whole arrays each operation reads from memory and writes to it. On a piece that fits into the
processor's cache, only the first operation reads from memory and only the last results go back.
The result has the same bits, because no number depends on its neighbours.
"""

import numpy as np

# Numbers in a piece: 256 KiB of float32. GELU needs four arrays at once, 1 MiB; the second-level
# cache of a core has 1 to 2 MiB.
PIECE = 1 << 16


def pieces(*arrays):
    """Cut arrays of one shape into flat pieces, in order -> tuples with one piece of each array.

    If an array is contiguous, its pieces are views and may be written to; otherwise they are views
    of a copy. On a GPU, whose operations share no such cache, there is one piece.
    """
    flat = [array.reshape(-1) for array in arrays]
    size = PIECE if isinstance(flat[0], np.ndarray) else max(1, flat[0].size)
    for start in range(0, flat[0].size, size):
        yield tuple(array[start : start + size] for array in flat)
