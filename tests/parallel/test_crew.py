"""The workers of a program: as many as find work, and threads where no process can be had."""

import errno
import sys
from itertools import chain

import pytest

from minivit.parallel import crew


@pytest.mark.parametrize(("most", "count"), [(0, 1), (1, 1), (2, 2), (1000, 3)])
def test_no_more_workers_than_find_work(monkeypatch, most, count):
    monkeypatch.setattr(crew, "available_cores", lambda: 3)
    with crew.of_program(most) as workers:
        assert workers.count == count
        assert bool(workers.processes) == (count > 1 and sys.platform == "linux")
        assert sorted(chain.from_iterable(workers.run_tasks(5, list))) == list(range(5))


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes are for Linux")
@pytest.mark.parametrize("refused", ["os.fork", "mmap.mmap"])
def test_threads_where_the_system_refuses_processes(monkeypatch, refused):
    def refuse(*args):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(crew, "available_cores", lambda: 2)
    original = __import__(refused.partition(".")[0])
    monkeypatch.setattr(original, refused.partition(".")[2], refuse)
    with crew.of_program(100) as workers:
        assert workers.processes is None and workers.count == 2
        assert sorted(chain.from_iterable(workers.run_tasks(5, list))) == list(range(5))
