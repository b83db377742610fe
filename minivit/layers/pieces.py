"""Pieces: a chain of elementwise operations, done on one piece of the arrays at a time.

On whole arrays each operation reads and writes memory. On a piece that fits the processor's cache,
only the first reads memory and only the last results go back there. The numbers are the same, bit
for bit: none depends on its neighbours.
"""

import numpy as np

# numbers in a piece: 256 KiB of float32; the four that GELU needs at once are 1 MiB, and a core's
# second-level cache has 1 to 2 MiB
PIECE = 1 << 16


def pieces(*arrays):
    """Cut arrays of one shape into the same flat pieces, in order -> tuples, one piece of each.

    A piece is a view if its array is contiguous, and may then be written to; any other array is
    copied first. On a GPU, where no such cache is shared by a chain, there is one piece.
    """
    flat = [array.reshape(-1) for array in arrays]
    size = PIECE if isinstance(flat[0], np.ndarray) else max(1, flat[0].size)
    for start in range(0, flat[0].size, size):
        yield tuple(array[start : start + size] for array in flat)
