"""The ceiling: how many multiplications and additions a second matrix products reach here.

All workers multiply at once, each its own float32 matrices, with the matrix library held
to one thread, exactly as in a training step. The peak is the best of one large cube and of the
shapes that a step itself multiplies, so that no shape can run faster than what is called 100%.
"""

import numpy as np

from .timing import repeats, synchronizer, timed

CUBE = 2048  # its side on a CPU; a GPU is filled by one four times as long
LEAST = 0.02  # seconds of one timing


def shapes(sizes, images, cube=CUBE):
    """{name: (m, k, n)}: the cube, and the Linear layers of `sizes` ({name: Size}).

    images: {name: images that are multiplied at once}.
    """
    found = {f"{cube} cube": (cube, cube, cube)}
    for name, size in sizes.items():
        for layer, lengths in size.products(images[name]).items():
            found[f"{name} {layer}"] = lengths
    return found


def rates(lengths, workers, xp=np, runs=7, least=LEAST):
    """GFLOP/s of each product: the best of `runs` -> {name: rate}. `workers` are threads, and
    have been entered.

    Every (m, k, n) in `lengths` is measured as forward and backward multiply it: y = x @ w,
    dx = dy @ w.T, dw = x.T @ dy; the best of the three counts.
    """
    wait, found = synchronizer(xp), {}
    rng = np.random.default_rng(0)
    for name, (m, k, n) in lengths.items():
        x, w, dy = (
            xp.asarray(rng.standard_normal(shape, np.float32)) for shape in ((m, k), (k, n), (m, n))
        )
        forms = [(x, w), (dy, w.T), (x.T, dy)]
        best = max(_rate(a, b, workers, xp, wait, runs, least) for a, b in forms)
        found[name] = best
    return found


def _rate(a, b, workers, xp, wait, runs, least):
    """GFLOP/s of a @ b on all workers at once, each again and again; the best of `runs`."""
    shape = (a.shape[0], b.shape[1])
    count = 1

    def multiply(numbers):
        for _ in numbers:
            out = xp.empty(shape, dtype=a.dtype)
            for _ in range(count):
                xp.matmul(a, b, out=out)

    def together():
        workers.run_tasks(workers.count, multiply)

    together()  # warms up
    count = repeats(timed(together, wait), least)
    seconds = min(timed(together, wait) for _ in range(runs))
    return 2 * shape[0] * shape[1] * a.shape[1] * count * workers.count / seconds / 1e9
