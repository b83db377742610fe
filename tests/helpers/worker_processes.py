"""What the tests of worker processes share: whether a process runs, whether workers work."""

import importlib.util
import os
import sys
import time
from itertools import chain
from pathlib import Path

import pytest

NEED = [  # marks for a test module: what its tests need, and that none of them may hang
    pytest.mark.skipif(sys.platform != "linux", reason="worker processes are for Linux"),
    pytest.mark.skipif(
        importlib.util.find_spec("threadpoolctl") is None,
        reason="several workers need threadpoolctl: pip install threadpoolctl",
    ),
    pytest.mark.usefixtures("time_limit"),
]
ME = os.getpid()  # of the parent; worker processes are forked and have this value too


def running(pid):
    """Whether there is such a process, not counting a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(condition, seconds=10):
    """Wait until condition() is true; fail after `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not true after {seconds} seconds"
        time.sleep(0.005)


def works(workers):
    """Whether a call runs, and gives every task to one worker."""
    return sorted(chain(*workers.run_tasks(40, list))) == list(range(40))


def is_one_sentence(error):
    """Whether an error's text is one short line about workers."""
    return "\n" not in str(error) and "worker" in str(error) and len(str(error)) < 160
