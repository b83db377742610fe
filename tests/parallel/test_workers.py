"""Workers: the same bits for any number of them, threads and processes alike."""

import importlib.util
import itertools
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from minivit import Config
from minivit.errors import WorkerError
from minivit.parallel.cuts import cut
from minivit.parallel.workers import Workers, available_cores
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer
from minivit.training.update import OPTIMIZERS

several = pytest.mark.skipif(
    importlib.util.find_spec("threadpoolctl") is None,
    reason="several workers need threadpoolctl: pip install threadpoolctl",
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="worker processes are for Linux")
kinds = pytest.mark.parametrize(
    "processes", [pytest.param(False, id="threads"), pytest.param(True, id="fork", marks=linux)]
)

CONFIG = Config(image_size=8, patch_size=2, dim=12, depth=2, heads=3, mlp_dim=16, dropout=0.2)


def tensor(count, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return images, rng.integers(0, 10, count)


def trained(count, processes, optimizer, batches=(21, 21, 3, 1)):
    """What a few steps compute: arrays (weights, optimizer state) as bytes, sums, evaluation."""
    recipe = Recipe(optimizer=optimizer, lr=0.01, ema=0.9)
    with Workers(count, processes) as workers:
        assert workers.count == count and bool(workers.processes) == (processes and count > 1)
        trainer = Trainer(CONFIG, recipe, 10, [0.5] * 3, [0.25] * 3, workers)
        assert len(trainer.micro_batches(21)) > 4 and len(trainer.update.tasks) > 4
        for seed, batch in enumerate(batches):
            trainer.train_step(*tensor(batch, seed))
        sums, measured = trainer.read_sums(), trainer.evaluate(*tensor(37, 9), batch_size=16)
        arrays = {name: value.tobytes() for name, value in trainer.arrays().items()}
    return arrays, sums, measured


@several
@kinds
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_same_bits_for_any_number_of_workers(optimizer, processes, monkeypatch):
    """With many small tasks of unequal sizes, and in the last batch fewer tasks than workers."""
    monkeypatch.setattr("minivit.training.micro_batches.CACHE", 4 * 17 * 51 * 3)  # three images
    monkeypatch.setattr("minivit.training.micro_batches.TOKENS", 1)
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)
    one = trained(1, processes, optimizer)
    for count in (2, 3, 4):
        assert trained(count, processes, optimizer) == one


def all_given_out(workers, count):
    """Whether a call runs, and gives every task to one worker."""
    return sorted(itertools.chain(*workers.run_tasks(count, list))) == list(range(count))


@several
@kinds
def test_every_number_is_given_out_once(processes):
    with Workers(3, processes) as workers:
        for count in (0, 1, 2, 500):
            shares = workers.run_tasks(count, list)
            assert len(shares) == 3 and sorted(itertools.chain(*shares)) == list(range(count))
            assert all(share == sorted(share) for share in shares)


def whoami():
    return os.getpid(), threading.get_ident()


@several
@kinds
def test_all_workers_take_part_at_once_the_caller_too(processes):
    with Workers(3, processes) as workers:

        def meet(task_numbers, limit):
            next(task_numbers)
            while workers.next_task.array[0] < 3:  # until each of the three has a task
                assert time.monotonic() < limit
                time.sleep(0.001)
            return whoami()

        found = workers.run_tasks(3, meet, time.monotonic() + 10)
        assert len(set(found)) == 3 and whoami() in found
        assert len({pid for pid, _ in found}) == (3 if processes else 1)


@several
@kinds
@pytest.mark.parametrize("fails", ["caller", "other"])
def test_an_error_comes_out_stops_all_and_leaves_them_usable(processes, fails):
    me = whoami()

    def share(task_numbers):
        for number in task_numbers:
            if (whoami() == me) == (fails == "caller") and number > 20:
                raise ZeroDivisionError(f"at {number}")
            time.sleep(0.001)

    with Workers(3, processes) as workers:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match=r"^at \d+$"):
                workers.run_tasks(10**9, share)  # a worker that is not stopped goes on for days
            assert all_given_out(workers, 50)


@several
@kinds
@pytest.mark.skipif(sys.platform == "win32", reason="os.kill knows no Ctrl-C there")
def test_ctrl_c_while_others_are_at_work(processes):
    """When the exception is raised here, no worker is at work any more."""
    me, at_work = whoami(), []

    def share(task_numbers):
        if whoami() != me:
            at_work.append(1)
            try:
                for _ in task_numbers:
                    time.sleep(0.002)
            finally:
                at_work.pop()

    with Workers(3, processes) as workers:
        workers.register(share)  # forks now: Python may lose a Ctrl-C that comes in os.fork
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            workers.run_tasks(10**9, share)
        assert not at_work and all_given_out(workers, 50)


def test_one_worker_does_it_all():
    def fail(task_numbers):
        raise ZeroDivisionError

    with Workers(1) as workers:
        assert workers.run_tasks(4, list) == [[0, 1, 2, 3]]
        with pytest.raises(ZeroDivisionError):
            workers.run_tasks(4, fail)
        assert workers.run_tasks(2, list) == [[0, 1]]


@several
@kinds
def test_workers_work_inside_their_with_only(processes):
    workers = Workers(2, processes)
    workers.register(list)  # possible before the `with`
    with pytest.raises(WorkerError, match="inside their `with`"):
        workers.run_tasks(1, list)
    for _ in range(2):  # Workers can be entered again
        with workers:
            assert all_given_out(workers, 9)
            with pytest.raises(WorkerError, match="already inside"), workers:
                pass
            assert all_given_out(workers, 9)
        with pytest.raises(WorkerError, match="inside their `with`"):
            workers.run_tasks(1, list)


@several
@kinds
def test_a_call_inside_a_call_is_refused(processes):
    with Workers(3, processes) as workers:
        me = whoami()

        def greedy(task_numbers, who):
            if (whoami() == me) == who:
                return workers.run_tasks(2, list)

        for who in (True, False):
            with pytest.raises(WorkerError, match="one call at a time"):
                workers.run_tasks(2, greedy, who)
            assert all_given_out(workers, 9)


@several
@kinds
@pytest.mark.filterwarnings("error")
def test_overflow_gives_no_warning(processes):
    def share(task_numbers):
        x = np.full(3, 1e38, np.float32)
        return x * x - x * x

    for count in (1, 2):
        with Workers(count, processes) as workers:
            assert np.isnan(workers.run_tasks(2, share)).all()


@several
@kinds
def test_the_matrix_library_is_held_to_one_thread_meanwhile(processes):
    import threadpoolctl

    def blas(task_numbers=()):
        return [lib["num_threads"] for lib in threadpoolctl.threadpool_info()
                if lib["user_api"] == "blas"]  # fmt: skip

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        for count in (1, 2):
            with Workers(count, processes) as workers:
                for _ in range(2):
                    assert set(itertools.chain(*workers.run_tasks(1, blas))) <= {1}
                    assert blas() == before
                workers.register(blas)  # this starts the processes again, before run_tasks
                assert set(itertools.chain(*workers.run_tasks(1, blas))) <= {1}
            assert blas() == before


def test_without_threadpoolctl_one_worker(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with Workers(4) as workers:
        assert workers.count == 1
        assert workers.run_tasks(3, list) == [[0, 1, 2]]


@several
def test_as_many_workers_as_cores_unless_told():
    assert Workers().count == available_cores() >= 1
    assert Workers(3).count == 3


@several
def test_processes_on_linux_threads_elsewhere(monkeypatch):
    assert bool(Workers(2).processes) == (sys.platform == "linux")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not Workers(2).processes


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 17, 100, 128])
@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_cut_covers_the_batch_evenly(batch, size):
    micro_batches = cut(batch, size)
    assert micro_batches[0][0] == 0 and micro_batches[-1][1] == batch
    assert all(a[1] == b[0] for a, b in itertools.pairwise(micro_batches))
    lengths = [stop - start for start, stop in micro_batches]
    assert min(lengths) >= 1 and max(lengths) - min(lengths) <= 1 and max(lengths) <= size
    assert len(micro_batches) % 4 == 0 or len(micro_batches) in (1, batch)
