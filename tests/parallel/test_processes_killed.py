"""Worker processes that are killed or interrupted: nothing hangs, and no process is left."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from worker_processes import ME, NEED, is_one_sentence, running, wait_until, works

from minivit.errors import WorkerError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = NEED


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_work(workers, task_numbers):
    """The worker processes are killed; the caller still has many tasks."""
    for _ in task_numbers:
        if os.getpid() != ME:
            die()
        time.sleep(0.001)


def killed_with_the_lock(workers, task_numbers):
    """A worker is killed while it holds the lock that all others need."""
    while workers.next_task.array[0] == 0 and os.getpid() == ME:
        time.sleep(0.001)  # a worker process takes task 0
    if next(task_numbers) == 0:
        with workers.next_task.lock:
            die()
    for _ in task_numbers:
        time.sleep(0.001)


def killed_while_the_caller_waits_for_answers(workers, task_numbers):
    """One worker is killed while another is at work; the caller has done its share."""
    if os.getpid() == ME:
        return
    if next(task_numbers) == 0:
        wait_until(lambda: workers.next_task.array[0] >= 2)
        time.sleep(0.02)
        die()
    for _ in task_numbers:
        time.sleep(0.001)


@pytest.mark.parametrize(
    "share",
    [
        killed_at_work,
        killed_with_the_lock,
        killed_while_the_caller_waits_for_answers,
    ],
)
def test_a_killed_worker_is_noticed_at_once_and_replaced(workers, share):
    def shared(task_numbers):
        return share(workers, task_numbers)

    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(WorkerError) as raised:
            workers.run_tasks(10**9, shared)
        assert time.monotonic() - began < 2 and is_one_sentence(raised.value)
        with pytest.raises(ChildProcessError):  # no process is left
            os.waitpid(-1, os.WNOHANG)
        assert "a worker process is gone" in str(raised.value)
        assert works(workers)


@pytest.mark.parametrize("child_signal", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_worker_killed_between_calls_is_noticed_and_replaced(workers, child_signal):
    """Also if the system removes ended children by itself (SIG_IGN)."""
    before = signal.signal(signal.SIGCHLD, child_signal)
    try:
        for victim in (0, 1):
            assert works(workers)
            pid = workers.processes.pids[victim]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not running(pid))
            with pytest.raises(WorkerError, match="a worker process is gone"):
                works(workers)
            assert works(workers) and pid not in workers.processes.pids
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_worker_processes_ignore_signals(workers):
    assert works(workers)
    pids = workers.processes.pids
    for pid in pids:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
    assert works(workers) and workers.processes.pids == pids


def test_ctrl_c_in_the_callers_share_leaves_no_old_answers(workers):
    def interrupted(task_numbers, at):
        next(task_numbers)
        if os.getpid() == ME:
            time.sleep(0.05)  # the others have answered, or are far from it
            raise KeyboardInterrupt
        if at == "before":
            time.sleep(30)
        return "stale"

    for at in ("before", "after"):
        with pytest.raises(KeyboardInterrupt):
            workers.run_tasks(3, interrupted, at)
        assert works(workers)


def test_ctrl_c_while_waiting_for_the_others(workers):
    def long(task_numbers):
        if os.getpid() != ME:
            time.sleep(30)

    workers.register(long)  # forks now: Python may lose a Ctrl-C that comes in os.fork
    threading.Timer(0.1, os.kill, [ME, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        workers.run_tasks(3, long)
    assert works(workers)


PRELUDE = """
    import os, signal, sys, time
    import numpy as np
    from minivit.parallel import processes
    from minivit.parallel.workers import Workers

    def print_pids(workers):
        print(*workers.processes.pids, flush=True)

    def busy(task_numbers):
        for number in task_numbers:
            time.sleep(0.005)

"""


def script(body, **settings):
    """Run `body` after PRELUDE, in a process group of its own."""
    text = textwrap.dedent(PRELUDE) + textwrap.dedent(body)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, start_new_session=True, **pipes, **settings
    )


def pids_in(line):
    return [int(word) for word in line.split()]


@pytest.mark.parametrize("seconds", [0.2, 60])
@pytest.mark.parametrize("at", ["idle", "busy"])
def test_processes_end_by_themselves_when_their_parent_is_killed(at, seconds):
    """They notice that their pipe is closed. If another child of the parent keeps it open, they
    notice at their next look that the parent is gone."""
    body = f"""
    processes.CHECK_SECONDS = {seconds}
    with Workers(3, processes=True) as workers:
        workers.register(busy)
        print_pids(workers)
        other_child = os.fork() if processes.CHECK_SECONDS < 1 else 1
        if other_child == 0:
            os.close(1), os.close(2)
            time.sleep(30)
            os._exit(0)
        print(other_child, flush=True)
        workers.run_tasks(10**9, {at}) if "{at}" != "idle" else time.sleep(30)
    """
    with script(body) as process:
        pids, (other_child,) = (pids_in(process.stdout.readline()) for _ in range(2))
        try:
            time.sleep(0.1)
            assert len(pids) == 2 and all(map(running, pids))
            process.kill()
            wait_until(lambda: not any(map(running, pids)), 4)
        finally:
            if other_child != 1:
                os.kill(other_child, signal.SIGKILL)


def test_ctrl_c_to_the_whole_group_finishes_the_step():
    """The worker processes ignore it: the step ends normally, and another one is possible."""
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
        print_pids(workers)
        while not stop.number:
            trainer.train_step(images, labels)
        trainer.train_step(images, labels)
        print_pids(workers)
    sys.exit(100 + stop.number)
    """
    with script(body) as process:
        pids = pids_in(process.stdout.readline())
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = process.communicate(timeout=10)
    assert pids_in(rest) == pids and errors == "" and process.returncode == 102
    assert not any(map(running, pids))


def test_ctrl_c_to_the_whole_group_without_a_handler():
    """KeyboardInterrupt, and one traceback only: the parent's."""
    body = """
    with Workers(3, processes=True) as workers:
        workers.register(busy)
        print_pids(workers)
        workers.run_tasks(10**9, busy)
    """
    with script(body) as process:
        pids = pids_in(process.stdout.readline())
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert not any(map(running, pids))


def test_a_program_ends_that_never_leaves_the_with():
    body = """
    workers = Workers(3, processes=True).__enter__()
    workers.run_tasks(9, list)
    print_pids(workers)
    sys.exit(7)
    """
    with script(body) as process:
        rest, errors = process.communicate(timeout=10)
    assert process.returncode == 7 and errors == "" and len(pids_in(rest)) == 2
    wait_until(lambda: not any(map(running, pids_in(rest))))
