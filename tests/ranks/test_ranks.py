"""Ranks train together: the bits of one rank, for any number of ranks and workers."""

from itertools import pairwise

import numpy as np
import pytest
from runs import data
from thread_ranks import together

from minivit import Config
from minivit.parallel.workers import Workers
from minivit.ranks.ranks import ALONE
from minivit.ranks.regions import divide
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

SIZES = {"image_size": 8, "patch_size": 2, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
BATCHES = [data(n, seed) for seed, n in enumerate((16, 16, 11, 16))]  # one is shorter


def trained(ranks, workers=1, processes=False, **recipe):
    """Train for a few steps -> (bytes of all arrays on rank 0, sums, metrics, numbers sent)."""
    recipe = Recipe(**{"warmup": 0, "micro_batch": 2, "batch_size": 16, **recipe})
    with Workers(workers, processes=processes) as entered:
        trainer = Trainer(Config(**SIZES, dropout=0.1), recipe, 20, MEAN, STD, entered, ranks=ranks)
        for images, labels in BATCHES:
            before = getattr(ranks, "sent", 0)
            trainer.train_step(images, labels)
        sent = getattr(ranks, "sent", 0) - before
        metrics = trainer.evaluate(*data(21, 9), batch_size=16)
        arrays = {name: a.tobytes() for name, a in trainer.arrays().items()}
        return arrays if ranks.rank == 0 else None, trainer.read_sums(), metrics, sent


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 8, 11])
def test_the_same_bits_for_any_number_of_ranks(size, optimizer, monkeypatch):
    """Eleven ranks: some have nothing to do. Slices of 100, so that all of them update."""
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)
    alone = trained(ALONE, optimizer=optimizer, ema=0.9)
    results = together(size, lambda rank: trained(rank, optimizer=optimizer, ema=0.9))
    assert results[0][0] == alone[0]
    for _, sums, metrics, _ in results:
        assert (sums, metrics) == alone[1:3]


@pytest.mark.parametrize("size", [2, 3])
def test_the_same_bits_with_several_workers_in_each(size, monkeypatch):
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)
    monkeypatch.setattr("minivit.ranks.gradient_sums.SLICE_SIZE", 100)
    alone = trained(ALONE)
    for workers in (2, 3):
        assert together(size, lambda rank, w=workers: trained(rank, w))[0][0] == alone[0]


@pytest.mark.parametrize("size", [2, 4, 8])
def test_what_a_rank_sends(size, monkeypatch):
    """Of each number the gradient and the weight once to those who need it: 2 (N - 1) / N."""
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 50)
    numbers = sum(len(a) for a in trained(ALONE, optimizer="sgd")[0].values()) / 4 / 2
    for *_, sent in together(size, lambda rank: trained(rank, optimizer="sgd")):
        assert sent < 2.2 * numbers * (size - 1) / size


def test_regions_cost_about_the_same():
    class Item:
        def __init__(self, size, whole):
            self.rule = type("Rule", (), {"whole_matrices": whole})
            self.slice, self.shape = slice(0, size), (size // 4, 4) if whole else -1

    tasks = [Item(100, False)] * 10 + [Item(100, True)] * 4
    assert divide(tasks, 1) == [(0, 14)]
    assert divide(tasks, 2) == [(0, 10), (10, 14)] or divide(tasks, 2) == [(0, 11), (11, 14)]
    edges = divide(tasks, 40)
    assert len(edges) == 40 and edges[0][0] == 0 and edges[-1][1] == 14
    assert all(a[1] == b[0] for a, b in pairwise(edges))


def test_a_rank_resumes_with_its_part_of_the_optimizers_state(monkeypatch):
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)

    def steps(ranks, arrays=None):
        with Workers(1) as workers:
            recipe = Recipe(warmup=0, micro_batch=2, batch_size=16)
            trainer = Trainer(Config(**SIZES), recipe, 20, MEAN, STD, workers, ranks=ranks)
            if arrays:
                trainer.restore(arrays, 2)
            for images, labels in BATCHES[:2] if not arrays else BATCHES[2:]:
                trainer.train_step(images, labels)
            return {name: np.copy(array) for name, array in trainer.arrays().items()}

    alone = steps(ALONE, steps(ALONE))
    half = together(2, steps)[0]
    whole = together(3, lambda rank: steps(rank, half))[0]
    assert all(np.array_equal(array, whole[name]) for name, array in alone.items())
