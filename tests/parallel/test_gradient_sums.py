"""Gradients of micro-batches, added by workers: the bits of one tree for any number of them."""

import numpy as np
import pytest

from minivit.arrays import tree
from minivit.parallel import gradient_sums
from minivit.parallel.gradient_sums import GradientSums
from minivit.parallel.tree_sum import tree_sum
from minivit.parallel.workers import Workers

PLACES = tree.layout({"a": np.zeros((3, 2)), "b": {"w": np.zeros(5)}})
SIZE = 11
SCALES = 10.0 ** np.random.default_rng(1).integers(-4, 5, (13, 1))
PARTS = (np.random.default_rng(0).standard_normal((13, SIZE)) * SCALES).astype(np.float32)


def added(count, workers, rounds=1):
    """The sum of the first `count` rows of PARTS, as a Trainer and its Update compute it."""
    sums = GradientSums(PLACES, SIZE, workers)
    assert sums.prepare(count) and not sums.prepare(count)

    def gradients(index):
        return tree.views(PARTS[index].copy(), PLACES)

    def compute(tasks, count):
        for task in tasks:
            sums.compute(task, count, gradients)

    def add_up(indices, count):
        for index in indices:
            sums.add_up(slice(4 * index, min(4 * index + 4, SIZE)), count)

    workers.register(compute, add_up)
    for _ in range(rounds):  # a second batch overwrites what the first one left
        workers.run_tasks(len(sums.tasks(count)), compute, count)
        workers.run_tasks(3, add_up, count)
    return sums.vectors[0].copy()


@pytest.mark.parametrize("small_bytes", [0, 1 << 20])
@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_the_same_bits_for_any_number_of_workers(monkeypatch, count, kind, small_bytes):
    monkeypatch.setattr(gradient_sums, "SMALL_BYTES", small_bytes)
    expected = tree_sum(0, count, PARTS.__getitem__, np.add)
    for number in (1, 2, 3, 5):
        with Workers(number, processes=kind == "processes") as workers:
            assert added(count, workers, rounds=2).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("workers", "small_bytes", "vectors"), [
    (1, 1 << 20, 1), (1, 0, 1), (2, 0, 2), (3, 0, 5), (4, 0, 4), (2, 1 << 20, 8)
])  # fmt: skip
def test_large_models_have_few_vectors(monkeypatch, workers, small_bytes, vectors):
    monkeypatch.setattr(gradient_sums, "SMALL_BYTES", small_bytes)
    with Workers(workers, processes=False) as made:
        sums = GradientSums(PLACES, SIZE, made)
        sums.prepare(8)
        assert len(sums.vectors) == vectors
