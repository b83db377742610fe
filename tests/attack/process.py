"""A command in a process of its own, at which something is done.

The process is forked from this one, which has imported everything: so a thousand kills take minutes
and hit the work, not the imports. `real` starts Python anew instead, for kills in the imports.
"""

import io
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from minivit.commands import exits

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 100.0  # seconds until a process has to end by itself
PROGRAM = """
import sys
from tests.attack import lines
lines.program()
from minivit.__main__ import main
from minivit.commands import exits
sys.exit(exits.run(main, sys.argv[1:]))
"""


class End(NamedTuple):
    """How a process ended: its status (-9: by that signal), what it wrote, and how long it took."""

    status: int
    out: str
    err: str
    seconds: float

    def checked(self, blow):
        """Itself. Raises AssertionError unless its words are one line at most."""
        if "Traceback" in self.err or self.err.count("\n") > 1:
            raise AssertionError(f"after {blow}: status {self.status}: {self.err[-600:]!r}")
        if self.status in (1, 2) and not self.err:
            raise AssertionError(f"after {blow}: status {self.status} without a word")
        return self


def forked(main, argv, after=None, strike=None, most_bytes=None):
    """main(argv) as a command, in a forked process -> End.

    after: seconds until `strike`, a function of the process's id, is called, if it lives so long.
    most_bytes: the limit on the size of the files that it writes.
    """
    out, err = os.pipe(), os.pipe()
    began = time.monotonic()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as train.py has it at first
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for (read, write), number in ((out, 1), (err, 2)):
                os.close(read), os.dup2(write, number), os.close(write)
            sys.stdout, sys.stderr = (
                io.TextIOWrapper(open(number, "wb", buffering=0), write_through=True)
                for number in (1, 2)
            )
            if most_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            status = exits.run(main, argv)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(out[1]), os.close(err[1])
    return _ended(pid, out[0], err[0], after, strike, began)


def real(argv, after, strike):
    """The same in a Python of its own, which the blow may meet in its imports."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", PROGRAM, *argv],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    handles = [os.dup(pipe.fileno()) for pipe in (process.stdout, process.stderr)]
    process.stdout.close(), process.stderr.close()
    end = _ended(process.pid, *handles, after, strike, began)
    process.returncode = end.status  # it has been waited for
    return end


def _ended(pid, out, err, after, strike, began):
    """Wait, strike, wait, and collect what was written."""
    handle = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([handle], [], [], LONGEST if after is None else after)
        if not ready and strike:
            strike(pid)
            ready, _, _ = select.select([handle], [], [], LONGEST)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        texts = [_read(pipe) for pipe in (out, err)]
    finally:
        os.close(handle), os.close(out), os.close(err)
    if not ready:
        raise AssertionError(f"no end after {LONGEST:.0f} s: {texts[1][-300:]}")
    status = os.waitstatus_to_exitcode(status)
    return End(status, *texts, time.monotonic() - began)


def _read(pipe):
    """All that was written, until nobody can write any more: workers must not outlive the run."""
    parts, end = [], time.monotonic() + 10
    while time.monotonic() < end:
        if select.select([pipe], [], [], 1)[0]:
            part = os.read(pipe, 1 << 16)
            if not part:
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(part)
    raise AssertionError("a process of the run is still there 10 s after its end")


def signalled(number):
    """A strike: send the signal."""
    return lambda pid: os.kill(pid, number)


def worker_killed(pid):
    """A strike: kill a worker process of the run; nothing where it has none."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        for child in children.read_text().split()[:1]:
            os.kill(int(child), signal.SIGKILL)
    except OSError:  # it has ended meanwhile
        pass
