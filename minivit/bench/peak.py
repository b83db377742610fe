"""The peak: how many multiplications and additions a second matrix products reach here.

All workers multiply at the same time, each its own float32 matrices, with the matrix library held
to one thread, exactly as in a training step. The peak is the best of one large cube and of the
shapes that a step itself multiplies, so that no shape can be faster than what is called 100%.
"""

import numpy as np

from .timing import repeats, synchronizer, timed

CUBE = 2048  # its side
GPU_CUBE = 4 * CUBE  # a smaller one does not fill a GPU
LEAST = 0.02  # seconds of one timing


def shapes(sizes, images, cube=CUBE):
    """{name: (m, k, n)}: the cube, and the Linear layers of `sizes` ({name: Size}).

    images: {name: images that are multiplied at once}.
    """
    products = {f"{cube} cube": (cube, cube, cube)}
    for name, size in sizes.items():
        for layer, lengths in size.products(images[name]).items():
            products[f"{name} {layer}"] = lengths
    return products


def rates(lengths, workers, xp=np, runs=7, least=LEAST):
    """GFLOP/s of each product: the best of `runs` -> {name: rate}.

    lengths: {name: (m, k, n)}; workers: threads, inside their `with`. Every product is measured as
    forward and backward compute it: y = x @ w, dx = dy @ w.T, dw = x.T @ dy; the best of the three
    counts.
    """
    wait, best = synchronizer(xp), {}
    rng = np.random.default_rng(0)
    for name, (m, k, n) in lengths.items():
        x, w, dy = (
            xp.asarray(rng.standard_normal(shape, np.float32)) for shape in ((m, k), (k, n), (m, n))
        )
        forms = [(x, w), (dy, w.T), (x.T, dy)]
        best[name] = max(_rate(a, b, workers, xp, wait, runs, least) for a, b in forms)
    return best


def _rate(a, b, workers, xp, wait, runs, least):
    """GFLOP/s of a @ b, repeated on all workers at the same time; the best of `runs`."""
    shape = (a.shape[0], b.shape[1])
    count = 1

    def multiply(tasks):
        for _ in tasks:
            out = xp.empty(shape, dtype=a.dtype)
            for _ in range(count):
                xp.matmul(a, b, out=out)

    def all_workers():
        workers.run_tasks(workers.count, multiply)

    all_workers()  # warms up
    count = repeats(timed(all_workers, wait), least)
    seconds = min(timed(all_workers, wait) for _ in range(runs))
    return 2 * shape[0] * shape[1] * a.shape[1] * count * workers.count / seconds / 1e9
