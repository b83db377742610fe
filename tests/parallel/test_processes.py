"""Worker processes: what they share, and how they end, whoever is killed at whatever moment."""

import errno
import gc
import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from minivit.data import batches
from minivit.errors import WorkerError
from minivit.parallel.ordered_sum import OrderedSum
from minivit.parallel.workers import Workers

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="worker processes are for Linux"),
    pytest.mark.skipif(
        importlib.util.find_spec("threadpoolctl") is None,
        reason="several workers need threadpoolctl: pip install threadpoolctl",
    ),
]

ROOT = Path(__file__).resolve().parents[2]
ME = os.getpid()


class Hung(BaseException):
    """A test takes too long."""


@pytest.fixture(autouse=True)
def alarm():
    """Nothing may hang: a test that does ends with Hung."""

    def ring(*_):
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 20, 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def workers():
    with Workers(3, processes=True) as entered:
        yield entered


def others(workers):
    """The numbers of the processes beside this one."""
    return [process.pid for process, _ in workers.crew.members]


def running(pid):
    """Is there such a process, and not as a zombie?"""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(condition, seconds=10):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


def works(workers):
    """A whole share_out, every number once."""
    return sorted(chain(*workers.share_out(40, list))) == list(range(40))


def is_one_sentence(error):
    return "\n" not in str(error) and "worker" in str(error) and len(str(error)) < 160


class Ledger:
    """A method's object: what it refers to is copied at the fork, `page` is shared."""

    def __init__(self, page, factor):
        self.page, self.factor = page, factor

    def write(self, numbers):
        for number in numbers:
            self.page[number] *= self.factor
        return os.getpid(), self.page.sum()


def test_arrays_of_zeros_are_seen_both_ways(workers):
    page = workers.zeros(30, np.int64)
    assert not page.any() and page.dtype == np.int64
    page[...] = np.arange(30)  # before they start
    ledger = Ledger(page, 2)
    workers.enlist(ledger.write)
    pids = others(workers)
    workers.share_out(30, ledger.write)
    assert (page == 2 * np.arange(30)).all()
    page[...] = 1  # while they run
    results = workers.share_out(0, ledger.write)
    assert [total for _, total in results] == [30] * 3
    assert sorted(pid for pid, _ in results) == sorted([ME, *pids])
    assert workers.zeros(0, np.float32).shape == (0,)


def test_a_second_object_is_enlisted_later(workers):
    page = workers.zeros(30, np.int64)
    page[...] = 1
    one, two = Ledger(page, 2), Ledger(page, 3)
    workers.enlist(one.write)
    workers.share_out(30, one.write)
    workers.enlist(two.write)
    pids = others(workers)
    workers.share_out(30, two.write)
    workers.share_out(30, one.write)  # still known
    assert (page == 12).all() and others(workers) == pids
    one.factor = 5
    workers.share_out(30, one.write)  # the others have the factor of then: 2, we have 5
    assert set(page) <= {24, 60}
    page[...] = 1
    workers.enlist(one.write)
    workers.share_out(30, one.write)
    assert (page == 5).all()


def report(numbers, *args):
    """What a worker was given, whole."""
    list(numbers)
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


def test_objects_that_are_newer_than_the_workers(workers):
    assert works(workers)
    workers.share_out(0, report)
    for i in range(3):
        array = np.array([f"new {i}", 10**30 + i, {}], dtype=object)
        assert workers.share_out(1, report, array) == [report([], array)] * 3


@pytest.mark.parametrize("args", ARGS.values(), ids=ARGS)
def test_arguments_reach_every_worker(workers, args):
    for _ in range(2):
        assert workers.share_out(1, report, *args) == [report([], *args)] * 3


def test_the_board_grows_with_the_batch(monkeypatch):
    monkeypatch.setattr("minivit.parallel.processes.BOARD", 1000)
    with Workers(3, processes=True) as workers:
        for size in (100, 999, 1000, 1001, 5000, 10, 200_000, 70):
            a, b = np.arange(size) % 251, np.arange(size, dtype=np.uint8)
            assert workers.share_out(1, report, a, b) == [report([], a, b)] * 3
        pids = others(workers)
        workers.share_out(1, report, np.zeros(190_000))
        assert others(workers) == pids  # there was room


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_work(workers, numbers):
    """The others are killed, the caller still has much to do."""
    for _ in numbers:
        if os.getpid() != ME:
            die()
        time.sleep(0.001)


def killed_before_its_turn(workers, numbers):
    """The caller and another wait for the turn of one that is killed."""
    added = OrderedSum({"w": np.zeros(1)}, workers.turn)
    while workers.next.value == 0 and os.getpid() == ME:
        time.sleep(0.001)  # the caller is not the first
    for number in numbers:
        if number == 0:
            wait_until(lambda: workers.next.value == 3)
            die()
        added.put(number, {"w": np.ones(1)})
        added.finish()


def killed_while_waiting(workers, numbers):
    """One is killed asleep, waiting for the turn of the caller, who then gives it on."""
    if os.getpid() == ME:
        number = next(numbers)
        wait_until(lambda: workers.next.value == 3)
        os.kill(others(workers)[0], signal.SIGKILL)
        workers.turn.value = number + 1
        workers.turn.wait_for(3)  # nobody will count that far
    while workers.next.value == 0:
        time.sleep(0.001)
    next(numbers)
    workers.turn.wait_for(3)


def killed_with_the_lock(workers, numbers):
    """One is killed while it holds the lock that all the others need."""
    while workers.next.value == 0 and os.getpid() == ME:
        time.sleep(0.001)  # the caller is not the first
    if next(numbers) == 0:
        with workers.next.lock:
            die()
    for _ in numbers:
        time.sleep(0.001)


def killed_while_the_caller_waits_for_answers(workers, numbers):
    """The first one waits for the turn of the second, which is killed; the caller has finished."""
    if os.getpid() == ME:
        return
    number = next(numbers)
    if number == 0:
        wait_until(lambda: workers.next.value == 2)
        time.sleep(0.02)
        die()
    workers.turn.wait_for(number)


@pytest.mark.parametrize(
    "share",
    [
        killed_at_work,
        killed_before_its_turn,
        killed_while_waiting,
        killed_with_the_lock,
        killed_while_the_caller_waits_for_answers,
    ],
)
def test_a_killed_worker_is_noticed_at_once_and_replaced(workers, share):
    def shared(numbers):
        return share(workers, numbers)

    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(WorkerError) as raised:
            workers.share_out(10**9, shared)
        assert time.monotonic() - began < 2 and is_one_sentence(raised.value)
        with pytest.raises(ChildProcessError):  # nobody goes on alone
            os.waitpid(-1, os.WNOHANG)
        assert "a worker process is gone" in str(raised.value)
        assert works(workers)


@pytest.mark.parametrize("child_signal", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_worker_killed_between_calls_is_noticed_and_replaced(workers, child_signal):
    """Also where nobody asks after children that have ended."""
    before = signal.signal(signal.SIGCHLD, child_signal)
    try:
        for victim in (0, 1):
            assert works(workers)
            pid = others(workers)[victim]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not running(pid))
            with pytest.raises(WorkerError, match="a worker process is gone"):
                works(workers)
            assert works(workers) and pid not in others(workers)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_signals_to_all_are_the_parents_to_decide(workers):
    assert works(workers)
    pids = others(workers)
    for pid in pids:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
    assert works(workers) and others(workers) == pids


def test_ctrl_c_in_the_callers_share_leaves_no_answers_behind(workers):
    def interrupted(numbers, at):
        next(numbers)
        if os.getpid() == ME:
            time.sleep(0.05)  # the others have answered, or have long to go
            raise KeyboardInterrupt
        if at == "before":
            time.sleep(30)
        return "stale"

    for at in ("before", "after"):
        with pytest.raises(KeyboardInterrupt):
            workers.share_out(3, interrupted, at)
        assert works(workers)


def test_ctrl_c_while_waiting_for_the_others(workers):
    def long(numbers):
        if os.getpid() != ME:
            time.sleep(30)

    threading.Timer(0.1, os.kill, [ME, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        workers.share_out(3, long)
    assert works(workers)


class TwoWordsError(Exception):
    """Pickle writes it, and cannot read it."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def test_what_cannot_be_sent_back_is_told_in_words(workers):
    class LocalError(Exception):
        pass

    def fail(numbers, what):
        if os.getpid() == ME:
            return list(numbers)
        if what is None:
            return threading.Lock()
        raise {"local": LocalError("rare words"), "two": TwoWordsError("rare", "words")}[what]

    for what in ("local", "two"):
        with pytest.raises(WorkerError, match="rare words") as raised:
            workers.share_out(3, fail, what)
        assert is_one_sentence(raised.value)
    with pytest.raises(WorkerError, match=r"cannot pickle.*lock") as raised:
        workers.share_out(3, fail, None)
    assert is_one_sentence(raised.value)
    pids = others(workers)
    assert works(workers) and others(workers) != pids  # `list` was new to them


def test_an_argument_that_cannot_be_sent_is_refused(workers):
    with pytest.raises(TypeError, match="pickle"):
        workers.share_out(3, report, threading.Lock())
    assert works(workers)


def test_where_in_a_worker_the_error_was_raised(workers):
    def far_away(numbers):
        if os.getpid() != ME:
            raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match=r"^here$") as raised:
        workers.share_out(3, far_away)
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
            workers.enlist(list)
    assert is_one_sentence(raised.value) and not workers.crew.members
    assert works(workers)


class Cycle:
    """Garbage that Python finds only when it looks for it."""

    def __init__(self, page):
        self.page, self.me = page, self

    def __del__(self):
        self.page[0] += 1


def test_what_the_parent_made_is_cleared_away_by_the_parent(workers):
    page = workers.zeros(1, np.int64)

    def sweep(numbers, who):
        if (os.getpid() == ME) == who:
            gc.collect()

    gc.disable()
    try:
        Cycle(page)
        workers.share_out(1, sweep, False)
        assert page[0] == 0
        workers.share_out(1, sweep, True)
        assert page[0] == 1
    finally:
        gc.enable()


def test_memory_is_kept_by_the_processes_too(monkeypatch):
    kept = []
    monkeypatch.setattr("minivit.parallel.workers.keep_memory", lambda: kept.append(1))

    def look(numbers):
        return kept

    workers = Workers(3, processes=True)
    workers.enlist(look)
    with workers:
        assert workers.share_out(1, look) == [[1]] * 3


def test_after_the_with_nothing_is_held_on_to():
    workers = Workers(2, processes=True)
    with workers:
        ledger = Ledger(workers.zeros(1, np.int64), 2)
        workers.enlist(ledger.write)
    gone = weakref.ref(ledger)
    del ledger
    assert gone() is None


def maps():
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_leaving_the_with_leaves_nothing_behind():
    def once():
        with Workers(3, processes=True) as workers:
            assert works(workers)
            pids = others(workers)
        assert not workers.crew.members
        with pytest.raises(ChildProcessError):  # nobody left, not even a zombie
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
            workers.enlist(list)
            found = workers.share_out(1, report, *next(ready))
            assert found[0] == found[1] and works(workers)


PRELUDE = """
    import os, signal, sys, time
    import numpy as np
    from minivit.parallel import processes as crew
    from minivit.parallel.workers import Workers

    def say(workers):
        print(*[process.pid for process, _ in workers.crew.members], flush=True)

    def busy(numbers):
        for number in numbers:
            time.sleep(0.005)

    def waiting(numbers):
        workers.turn.wait_for(-7)
"""


def script(body, **settings):
    """Run `body` after PRELUDE, in a process group of its own."""
    text = textwrap.dedent(PRELUDE) + textwrap.dedent(body)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, start_new_session=True, **pipes, **settings
    )


def numbers_of(line):
    return [int(word) for word in line.split()]


@pytest.mark.parametrize("look", [0.2, 60])
@pytest.mark.parametrize("at", ["idle", "busy", "waiting"])
def test_processes_end_by_themselves_when_their_parent_is_killed(at, look):
    """Their pipes end. If a stranger, forked by the parent, holds them too, they look about."""
    body = f"""
    crew.LOOK = {look}
    with Workers(3, processes=True) as workers:
        workers.enlist(busy, waiting)
        say(workers)
        stranger = os.fork() if crew.LOOK < 1 else 1
        if stranger == 0:
            os.close(1), os.close(2)
            time.sleep(30)
            os._exit(0)
        print(stranger, flush=True)
        workers.share_out(10**9, {at}) if "{at}" != "idle" else time.sleep(30)
    """
    with script(body) as process:
        pids, (stranger,) = (numbers_of(process.stdout.readline()) for _ in range(2))
        try:
            time.sleep(0.1)
            assert len(pids) == 2 and all(map(running, pids))
            process.kill()
            wait_until(lambda: not any(map(running, pids)), 4)
        finally:
            if stranger != 1:
                os.kill(stranger, signal.SIGKILL)


def test_ctrl_c_to_the_whole_group_ends_training_politely():
    """The processes take no notice; the step is finished, and there could be another."""
    body = """
    from minivit import Config
    from minivit.training.recipe import Recipe
    from minivit.training.signals import Interrupts
    from minivit.training.trainer import Trainer

    config = Config(image_size=8, patch_size=2, dim=12, depth=1, heads=3, mlp_dim=16)
    images, labels = np.zeros((24, 8, 8, 3), np.uint8), np.zeros(24, np.int64)
    with Workers(3, processes=True) as workers, Interrupts() as stop:
        trainer = Trainer(config, Recipe(micro_batch=2), 10**6, [0.5] * 3, [0.25] * 3, workers)
        trainer.train_step(images, labels)
        say(workers)
        while not stop.number:
            trainer.train_step(images, labels)
        trainer.train_step(images, labels)
        say(workers)
    sys.exit(100 + stop.number)
    """
    with script(body) as process:
        pids = numbers_of(process.stdout.readline())
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = process.communicate(timeout=10)
    assert numbers_of(rest) == pids and errors == "" and process.returncode == 102
    assert not any(map(running, pids))


def test_ctrl_c_to_the_whole_group_without_manners():
    """KeyboardInterrupt, and one traceback only: the parent's."""
    body = """
    with Workers(3, processes=True) as workers:
        workers.enlist(busy)
        say(workers)
        workers.share_out(10**9, busy)
    """
    with script(body) as process:
        pids = numbers_of(process.stdout.readline())
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert not any(map(running, pids))


def test_a_program_ends_that_never_leaves_the_with():
    body = """
    workers = Workers(3, processes=True).__enter__()
    workers.share_out(9, list)
    say(workers)
    sys.exit(7)
    """
    with script(body) as process:
        rest, errors = process.communicate(timeout=10)
    assert process.returncode == 7 and errors == "" and len(numbers_of(rest)) == 2
    wait_until(lambda: not any(map(running, numbers_of(rest))))
