"""Workers: the same bits for any number of threads, and one thread where that cannot be."""

import importlib.util
import itertools
import sys
import threading
import time

import numpy as np
import pytest

from minivit import Config
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer
from minivit.training.workers import OrderedSum, Workers, available_cores, cut

several = pytest.mark.skipif(
    importlib.util.find_spec("threadpoolctl") is None,
    reason="several workers need threadpoolctl: pip install threadpoolctl",
)

CONFIG = Config(image_size=8, patch_size=2, dim=12, depth=2, heads=3, mlp_dim=16, dropout=0.2)


def tensor(count, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return images, rng.integers(0, 10, count)


def trained(threads, optimizer, batches=(21, 21, 3, 1)):
    """All that a few steps leave behind, as bytes: weights, memory, sums, evaluation."""
    recipe = Recipe(optimizer=optimizer, lr=0.01)
    with Workers(threads) as workers:
        trainer = Trainer(CONFIG, recipe, 10, [0.5] * 3, [0.25] * 3, workers)
        for seed, count in enumerate(batches):
            trainer.train_step(*tensor(count, seed))
        sums, measured = trainer.read_sums(), trainer.evaluate(*tensor(37, 9), batch_size=16)
    arrays = {name: value.tobytes() for name, value in trainer.arrays().items()}
    return arrays, sums, measured


@several
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_same_bits_for_any_number_of_threads(optimizer, monkeypatch):
    """Small micro-batches and pieces, so that there are many of them, of unequal sizes."""
    monkeypatch.setattr("minivit.training.trainer.CACHE", 4 * 17 * 51 * 3)  # three images
    monkeypatch.setattr("minivit.training.update.PIECE", 100)
    one = trained(1, optimizer)
    for threads in (2, 3, 4):
        assert trained(threads, optimizer) == one


@several
def test_several_threads_are_used():
    meeting = threading.Barrier(3, timeout=5)  # nobody gets by unless three are there at once
    with Workers(3) as workers:
        workers.map(lambda _: meeting.wait(), range(3))


def test_results_come_in_the_order_of_the_items():
    with Workers(3) as workers:
        assert workers.map(lambda i: (time.sleep(0.01 * (3 - i)), i)[1], range(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_out(threads):
    with Workers(threads) as workers, pytest.raises(ZeroDivisionError):
        workers.map(lambda i: 1 // (i - 2), range(5))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.filterwarnings("error")
def test_numbers_that_overflow_are_no_news(threads):
    with Workers(threads) as workers:
        squares = workers.map(lambda x: x * x - x * x, [np.full(3, 1e38, np.float32)] * 2)
    assert np.isnan(squares).all()


@several
def test_the_matrix_library_is_held_to_one_thread_meanwhile():
    import threadpoolctl

    def blas():
        return [lib["num_threads"] for lib in threadpoolctl.threadpool_info()
                if lib["user_api"] == "blas"]  # fmt: skip

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        with Workers(2):
            assert set(blas()) <= {1}
        assert blas() == before


def test_without_threadpoolctl_one_worker_and_a_note(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with Workers(4) as workers:
        assert workers.threads == 1
        assert "pip install threadpoolctl" in workers.note and "\n" not in workers.note
        assert workers.map(abs, [-1, -2]) == [1, 2]
    assert Workers(1).note == ""  # one was asked for


@several
def test_as_many_workers_as_cores_unless_told():
    assert Workers().threads == available_cores() >= 1
    assert Workers(3).threads == 3 and Workers(3).note == ""


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_sum_is_in_the_order_of_the_numbers(order):
    """Sizes so different that another order rounds to other bits."""
    parts = [np.float32(x) for x in (1e8, 1.5, -1e8, 0.3)]
    total = {"a": np.full(2, 77, np.float32), "b": {"w": np.full(1, 77, np.float32)}}
    added = OrderedSum(total)
    for number in order:
        added.put(number, {"b": {"w": parts[number][None]}, "a": np.full(2, parts[number])})
    expected = ((parts[0] + parts[1]) + parts[2]) + parts[3]
    assert (total["a"] == expected).all() and (total["b"]["w"] == expected).all()
    assert not added.waiting


@several
def test_sum_of_many_threads_at_once():
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((200, 5)).astype(np.float32) * 10.0 ** rng.integers(-4, 5, (200, 1))
    parts = parts.astype(np.float32)
    expected = parts[0].copy()
    for part in parts[1:]:
        expected += part
    for _ in range(5):
        total = {"w": np.zeros(5, np.float32)}
        added = OrderedSum(total)
        with Workers(4) as workers:
            workers.map(lambda i, added=added: added.put(i, {"w": parts[i]}), range(200))
        assert total["w"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 17, 100, 128])
@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_cut_covers_the_batch_evenly(batch, size):
    pieces = cut(batch, size)
    assert pieces[0][0] == 0 and pieces[-1][1] == batch
    assert all(a[1] == b[0] for a, b in itertools.pairwise(pieces))
    lengths = [stop - start for start, stop in pieces]
    assert min(lengths) >= 1 and max(lengths) - min(lengths) <= 1 and max(lengths) <= size
    assert len(pieces) % 4 == 0 or len(pieces) in (1, batch)
