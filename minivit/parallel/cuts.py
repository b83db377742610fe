"""Where to cut a batch into micro-batches, whatever the number of workers."""

import itertools

# of a prediction, which keeps no caches
MICRO_BATCH = 32  # images that one worker takes through the model at once, at most
FEW_TOKENS = 2100  # with fewer at once, threads of a small model wait for Python's lock
CACHED_TOKENS = 850  # with more at once, processes, which wait for no lock, find less in the cache
FEWEST_TOKENS = 150  # with fewer, products are so slow that even few images are not divided further


def cut(batch: int, size: int) -> list[tuple[int, int]]:
    """Cut `batch` images into micro-batches of about `size` -> [(start, stop), ...].

    Their number is a multiple of four (if there are as many images), so that two or four workers
    finish together.
    """
    count = -(-batch // size)
    return cut_into(batch, min(batch, -(-count // 4) * 4) if count > 1 else 1)


def cut_into(total: int, count: int) -> list[tuple[int, int]]:
    """Cut 0..total-1 into `count` parts of nearly one size -> [(start, stop), ...]."""
    edges = [total * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def prediction_cuts(count, tokens, processes=False):
    """Where to cut `count` images of `tokens` tokens for a prediction -> [(start, stop), ...].

    processes: whether the workers are processes, or threads.
    """
    size = CACHED_TOKENS // tokens if processes else max(FEW_TOKENS // tokens, count // 64)
    quarter = -(-count // 4)  # so that few images are work for all
    size = min(MICRO_BATCH, max(1, size), max(quarter, -(-FEWEST_TOKENS // tokens)))
    return cut(count, size)
