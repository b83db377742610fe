"""Worker processes: what they share with this one, what is sent to them and back."""

import errno
import gc
import os
import threading
import weakref
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from worker_processes import ME, NEED, is_one_sentence, running, works

from minivit.data import batches
from minivit.errors import WorkerError
from minivit.parallel.workers import Workers

pytestmark = NEED


class Multiplier:
    """An object whose method is called: `shared` is shared memory, `factor` is copied."""

    def __init__(self, shared, factor):
        self.shared, self.factor = shared, factor

    def write(self, task_numbers):
        for number in task_numbers:
            self.shared[number] *= self.factor
        return os.getpid(), self.shared.sum()


def test_shared_zeros_are_read_and_written_by_all(workers):
    shared = workers.shared_zeros(30, np.int64)
    assert not shared.any() and shared.dtype == np.int64
    shared[...] = np.arange(30)  # before they start
    multiplier = Multiplier(shared, 2)
    workers.register(multiplier.write)
    pids = workers.processes.pids
    workers.run_tasks(30, multiplier.write)
    assert (shared == 2 * np.arange(30)).all()
    shared[...] = 1  # while they run
    results = workers.run_tasks(0, multiplier.write)
    assert [total for _, total in results] == [30] * 3
    assert sorted(pid for pid, _ in results) == sorted([ME, *pids])
    assert workers.shared_zeros(0, np.float32).shape == (0,)


def test_a_second_object_is_registered_later(workers):
    shared = workers.shared_zeros(30, np.int64)
    shared[...] = 1
    one, two = Multiplier(shared, 2), Multiplier(shared, 3)
    workers.register(one.write)
    workers.run_tasks(30, one.write)
    workers.register(two.write)
    pids = workers.processes.pids
    workers.run_tasks(30, two.write)
    workers.run_tasks(30, one.write)  # still known
    assert (shared == 12).all() and workers.processes.pids == pids
    one.factor = 5
    workers.run_tasks(30, one.write)  # the worker processes still have factor 2, the caller has 5
    assert set(shared) <= {24, 60}
    shared[...] = 1
    workers.register(one.write)
    workers.run_tasks(30, one.write)
    assert (shared == 5).all()


def report(task_numbers, *args):
    """All arguments that a worker got."""
    list(task_numbers)
    return [
        (a.shape, a.dtype, a.tolist()) if isinstance(a, np.ndarray) else (type(a), a) for a in args
    ]


RNG = np.random.default_rng(0)
ARGS = {
    "images": [RNG.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8), RNG.integers(0, 10, 5)],
    "sizes": [RNG.standard_normal(n).astype(np.float32) for n in (63, 64, 65, 1, 0, 1000)],
    "empty": [np.zeros((0, 3)), np.zeros((4, 0), np.uint8), np.array([])],
    "kinds": [
        np.array([True, False]),
        np.float16([1.5]),
        np.array([1 + 2j]),
        np.array(["a", "bc"]),
    ],
    "strange": [np.zeros(2, [("x", "i4"), ("y", "f8")]), np.arange(3, dtype=">i4"), np.array(7.0)],
    "views": [np.arange(12).reshape(3, 4).T, np.arange(10)[::-2], np.broadcast_to(1.0, (2, 3))],
    "objects": [np.array([None, "x", 10**30], dtype=object)],
    "no arrays": [1, "two", None, 3.5, np.float32(1.25), (1, [2])],
    "nothing": [],
}


def test_objects_that_were_made_after_the_fork(workers):
    assert works(workers)
    workers.run_tasks(0, report)
    for i in range(3):
        array = np.array([f"new {i}", 10**30 + i, {}], dtype=object)
        assert workers.run_tasks(1, report, array) == [report([], array)] * 3


@pytest.mark.parametrize("args", ARGS.values(), ids=ARGS)
def test_arguments_reach_every_worker(workers, args):
    for _ in range(2):
        assert workers.run_tasks(1, report, *args) == [report([], *args)] * 3


def test_the_buffer_grows_with_the_batch(monkeypatch):
    monkeypatch.setattr("minivit.parallel.processes.BUFFER_BYTES", 1000)
    with Workers(3, processes=True) as workers:
        for size in (100, 999, 1000, 1001, 5000, 10, 200_000, 70):
            a, b = np.arange(size) % 251, np.arange(size, dtype=np.uint8)
            assert workers.run_tasks(1, report, a, b) == [report([], a, b)] * 3
        pids = workers.processes.pids
        workers.run_tasks(1, report, np.zeros(190_000))
        assert workers.processes.pids == pids  # there was room


class TwoWordsError(Exception):
    """An exception that pickle can write but not read."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def test_what_cannot_be_sent_back_becomes_a_worker_error(workers):
    class LocalError(Exception):
        pass

    def fail(task_numbers, what):
        if os.getpid() == ME:
            return list(task_numbers)
        if what is None:
            return threading.Lock()
        raise {"local": LocalError("rare words"), "two": TwoWordsError("rare", "words")}[what]

    for what in ("local", "two"):
        with pytest.raises(WorkerError, match="rare words") as raised:
            workers.run_tasks(3, fail, what)
        assert is_one_sentence(raised.value)
    with pytest.raises(WorkerError, match=r"cannot pickle.*lock") as raised:
        workers.run_tasks(3, fail, None)
    assert is_one_sentence(raised.value)
    pids = workers.processes.pids
    assert works(workers) and workers.processes.pids != pids  # `list` was new to them


def test_an_argument_that_cannot_be_sent_is_refused(workers):
    with pytest.raises(TypeError, match="pickle"):
        workers.run_tasks(3, report, threading.Lock())
    assert works(workers)


def test_where_in_a_worker_the_error_was_raised(workers):
    def far_away(task_numbers):
        if os.getpid() != ME:
            raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match=r"^here$") as raised:
        workers.run_tasks(3, far_away)
    assert "in far_away" in str(raised.value.__cause__)


def test_a_system_that_refuses_processes(workers, monkeypatch):
    fork, calls = os.fork, []

    def refuse():
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    with monkeypatch.context() as patched:
        patched.setattr(os, "fork", refuse)
        with pytest.raises(WorkerError, match="--threads 1") as raised:
            workers.register(list)
    assert is_one_sentence(raised.value) and not workers.processes.pids
    assert works(workers)


class Cycle:
    """An object that only the garbage collector deletes, because it refers to itself."""

    def __init__(self, shared):
        self.shared, self.me = shared, self

    def __del__(self):
        self.shared[0] += 1


def test_objects_of_the_parent_are_deleted_by_the_parent(workers):
    shared = workers.shared_zeros(1, np.int64)

    def collect(task_numbers, who):
        if (os.getpid() == ME) == who:
            gc.collect()

    gc.disable()
    try:
        Cycle(shared)
        workers.run_tasks(1, collect, False)
        assert shared[0] == 0
        workers.run_tasks(1, collect, True)
        assert shared[0] == 1
    finally:
        gc.enable()


def test_freed_memory_is_kept_by_the_processes_too(monkeypatch):
    kept = []
    monkeypatch.setattr("minivit.parallel.workers.keep_freed_memory", lambda: kept.append(1))

    def look(task_numbers):
        return kept

    workers = Workers(3, processes=True)
    workers.register(look)
    with workers:
        assert workers.run_tasks(1, look) == [[1]] * 3


def test_after_the_with_no_object_is_kept_alive():
    workers = Workers(2, processes=True)
    with workers:
        multiplier = Multiplier(workers.shared_zeros(1, np.int64), 2)
        workers.register(multiplier.write)
    gone = weakref.ref(multiplier)
    del multiplier
    assert gone() is None


def maps():
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_leaving_the_with_leaves_nothing_behind():
    def once():
        with Workers(3, processes=True) as workers:
            assert works(workers)
            pids = workers.processes.pids
        assert not workers.processes.pids
        with pytest.raises(ChildProcessError):  # no process is left, not even a zombie
            os.waitpid(-1, os.WNOHANG)
        return pids

    pids = once()
    gc.collect()
    files, mapped = os.listdir("/proc/self/fd"), maps()
    for _ in range(50):
        pids += once()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(files) and maps() < mapped + 20
    assert len(pids) == 102 and not any(map(running, pids))


@pytest.mark.filterwarnings("error")
def test_forking_while_batches_are_prepared():
    images, labels = np.zeros((400, 8, 8, 3), np.uint8), np.zeros(400, np.int64)

    def endless():
        while True:
            yield from batches.epoch(
                images, labels, np.arange(400), number=1, batch_size=20, seed=0
            )

    with Workers(2, processes=True) as workers, closing(batches.prefetch(endless())) as ready:
        for _ in range(20):
            workers.register(list)
            found = workers.run_tasks(1, report, *next(ready))
            assert found[0] == found[1] and works(workers)
