"""Worker processes: forked from this one, with shared memory, called through pipes.

A forked process starts as a copy of its parent. So a call sends only what is new since then: which
method to call, plain values, and arrays. The arrays are written to a buffer in shared memory, and
only their locations go through the pipe. Weights, gradients and optimizer state are in shared
memory from the start (`shared_zeros`).

What happens when a process is killed: the system may kill any process at any moment, for example
when memory runs out. No process relies on another one being alive:

    its pipe       the system closes it, so the reader at the other end gets an EOFError
    its lock       is a file lock; the system releases it

The call then raises a WorkerError. After any call that does not end normally, all processes are
ended, and the next call forks new ones. So an answer that comes late cannot be taken for the answer
to the next call. If the parent is killed, the worker processes notice it and end.
"""

import gc
import os
import pickle
import signal
from multiprocessing import Pipe, connection

import numpy as np

from ..errors import WorkerError
from . import arguments
from .counter import Counter
from .fork import Lock, Process, shared_memory, shared_zeros
from .outcome import from_bytes, outcome_of, to_bytes

# Size of the buffer for arguments at first. Pages that are never written use no memory.
BUFFER_BYTES = 1 << 28
CHECK_SECONDS = 2.0  # a process that waits at a pipe checks this often whether its parent runs
# A worker process ignores these: the parent decides what they mean.
BLOCKED_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1
PROCESS_GONE = (
    "a worker process is gone, perhaps killed because memory ran out; fewer workers (--threads 1, "
    "or taskset -c 0), in training a smaller batch, need less"
)


class WorkerProcesses:
    """`count` worker processes beside this one.

    run_share(count, method, args): computes one worker's share of a call. They are forked by
    `start`, or else by the first call. They end in `stop`, or by themselves if this process ends.
    """

    def __init__(self, count, run_share):
        self.count, self.run_share, self.parent = count, run_share, os.getpid()
        self.methods, self.children = [], []  # children: (process, this end of its pipe)
        self.buffer, self.buffer_bytes, self.lock = None, BUFFER_BYTES, Lock()
        self.counter = Counter(self.lock, shared_zeros(1, np.int64), self.check)  # the next task
        self.kept = False  # no more processes may be started
        self.idle = False  # all processes run, and each has answered its last request

    @property
    def pids(self):
        """The process numbers of those that were started and not stopped since."""
        return [process.pid for process, _ in self.children]

    def shared_zeros(self, size, dtype):
        """An array of `size` zeros in memory that all processes share."""
        self.stop()  # processes forked earlier do not have this memory; the next call forks anew
        return shared_zeros(size, dtype)

    def register(self, methods):
        """Add to the methods that can be called. Processes forked earlier do not know them."""
        self.stop()
        self.methods += [method for method in methods if method not in self.methods]

    def start(self):
        """Fork the processes: each gets a copy of everything as it is now.

        Raises WorkerError if the system refuses.
        """
        if self.kept:
            raise WorkerError(f"{PROCESS_GONE}, and none can be started while MPI runs")
        self.stop()
        self.parent, self.buffer = os.getpid(), shared_memory(self.buffer_bytes)
        # the processes inherit the mask and keep it
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
        try:
            for _ in range(self.count):
                here, there = Pipe()
                with there:
                    self.children.append((Process(self._child_main, there, here), here))
        except BaseException:
            self.stop()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.idle = True

    def keep(self, size):
        """Be ready for arguments of `size` bytes, and start no more processes after that."""
        if size > self.buffer_bytes or not self.idle:
            self.buffer_bytes = max(size, self.buffer_bytes)
            self.start()
        self.kept = True

    def stop(self):
        """End the processes."""
        self.idle = False
        while self.children:  # if Ctrl-C comes in between, the next `stop` ends the rest
            process, pipe = self.children[-1]
            pipe.close()
            process.end()
            self.children.pop()
        self.buffer = None

    def call(self, count, method, args):
        """Run every worker's share of method(task_numbers, *args) -> Outcomes, this process first.

        Raises WorkerError if a process is gone, and at once what interrupts this process (Ctrl-C).
        """
        try:
            if method not in self.methods:
                self.register([method])
            request = pickle.dumps((self.methods.index(method), count, self._to_buffer(args)))
            self.counter.set(0)
            self.idle = False
            for _, pipe in self.children:
                pipe.send_bytes(request)
            own = outcome_of(self.run_share, count, method, args)
            if not isinstance(own.error, Exception | None):
                raise own.error  # Ctrl-C: do not wait for the others
            outcomes = [own, *self._receive()]
            self.idle = True
            return outcomes
        except (EOFError, ConnectionError):  # the other end of a pipe is closed
            raise WorkerError(PROCESS_GONE) from None
        finally:
            if not self.idle:  # an answer could still come
                self.stop()

    def check(self):
        """Raise WorkerError if a process is gone. In a worker process: exit if the parent is."""
        if os.getpid() != self.parent:
            if os.getppid() != self.parent:
                os._exit(1)
        elif any(process.has_ended() for process, _ in self.children):
            raise WorkerError(PROCESS_GONE)

    def _receive(self):
        """The Outcomes of the worker processes.

        They are read as they arrive: one worker may wait for another, which has been killed.
        """
        outcomes = {pipe: None for _, pipe in self.children}
        waiting = set(outcomes)
        while waiting:
            for pipe in connection.wait(waiting, CHECK_SECONDS):
                outcomes[pipe] = from_bytes(pipe.recv_bytes())
                waiting.remove(pipe)
        return list(outcomes.values())

    def _to_buffer(self, args):
        """Write the arrays of `args` to the shared buffer -> args with their locations instead.

        Makes a larger buffer if they do not fit, and starts the processes if they do not run.
        """
        located, size = arguments.locate(args)
        if size > self.buffer_bytes:
            self.buffer_bytes = 2 * size
            self.stop()
        if not self.idle:
            self.start()
        arguments.write(args, located, self.buffer)
        return located

    def _child_main(self, pipe, *parents_ends):
        """What a worker process does until its parent is gone: read a request, send the answer.

        parents_ends: ends of pipes that only the parent may hold open, closed here. Otherwise they
        would stay open after the parent's death, and nobody would notice it.
        """
        for other in [*parents_ends, *(pipe for _, pipe in self.children)]:
            other.close()
        gc.freeze()  # objects made before the fork belong to the parent, which deletes them
        while True:
            while not pipe.poll(CHECK_SECONDS):
                self.check()
            outcome = outcome_of(self._handle, pipe.recv_bytes())
            pipe.send_bytes(to_bytes(outcome))

    def _handle(self, request):
        """Run this worker's share of a request -> its result."""
        index, count, located = pickle.loads(request)
        return self.run_share(count, self.methods[index], arguments.read(located, self.buffer))
