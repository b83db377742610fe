"""Crew: worker processes, forked, that share memory and take orders over pipes.

A forked process starts as a copy of its parent, so nothing has to be sent to it but what changes:
which method to call, a few numbers, and the arrays of the batch, which are laid out on a board that
all can see. Weights, gradients and optimizer state live in shared memory from the start.

Any process may be killed at any moment; the system does so when memory runs out. So nobody here
trusts that another lives on: its end of a pipe closes with it, the lock it held opens, and who
waits for a number looks again and again whether the others are there. If a call does not end as it
should, all processes are ended and the next call forks new ones, so no answer is left over.
"""

import gc
import mmap
import os
import pickle
import signal
import traceback
from multiprocessing import Pipe, connection

import numpy as np

from ..errors import WorkerError
from .fork import Lock, Place, Process, shared
from .ordered_sum import Counter
from .workers import attempt

BOARD = 1 << 28  # bytes, to begin with; those never written to cost nothing
LOOK = 2.0  # seconds after which who waits at a pipe looks about
SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP  # the parent decides what they mean
GONE = (
    "a worker process is gone, perhaps killed for want of memory; a smaller --batch-size or "
    "--threads 1 needs less"
)


class Crew:
    """`count` processes beside this one. serve(count, method, args): one worker's share of a call.

    They end when told to, and by themselves when this process is gone.
    """

    def __init__(self, count, serve):
        self.count, self.serve, self.parent = count, serve, os.getpid()
        self.methods, self.members = [], []  # members: (process, this end of its pipe)
        self.board, self.room, self.lock = None, BOARD, Lock()
        self.counters = []
        self.idle = False  # are all there, and none with an order?

    def zeros(self, size, dtype):
        """An array of `size` zeros in memory that processes forked from now on will share."""
        self.stop()  # those that run know nothing of it; the next call forks anew
        return shared(size, dtype)

    def counter(self):
        """A Counter that the processes share, 0 when a call begins."""
        self.counters.append(Counter(self.lock, self.zeros(1, np.int64), self.check))
        return self.counters[-1]

    def learn(self, methods):
        """`methods` join those that may be called. Who was forked before does not know them."""
        self.stop()
        self.methods += [method for method in methods if method not in self.methods]

    def start(self):
        """Fork: each gets a copy of all there is now. Raises WorkerError if the system refuses."""
        self.stop()
        self.parent, self.board = os.getpid(), mmap.mmap(-1, self.room)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # a process keeps them blocked
        try:
            for _ in range(self.count):
                here, there = Pipe()
                with there:
                    self.members.append((Process(self._work, there, here), here))
        except BaseException:
            self.stop()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.idle = True

    def stop(self):
        """End the processes."""
        self.idle = False
        while self.members:  # if Ctrl-C comes in between, the next stop ends those that are left
            process, pipe = self.members[-1]
            pipe.close()
            process.end()
            self.members.pop()
        self.board = None

    def call(self, count, method, args):
        """Everyone's share of method(numbers, *args), this process's first -> attempts."""
        try:
            if method not in self.methods:
                self.learn([method])
            order = pickle.dumps((self.methods.index(method), count, self._lay_out(args)))
            for counter in self.counters:
                counter.value = 0
            self.idle = False
            for _, pipe in self.members:
                pipe.send_bytes(order)
            own = attempt(self.serve, count, method, args)
            if not isinstance(own[1], Exception | None):
                raise own[1]  # Ctrl-C: wait for nobody
            attempts = [own, *self._answers()]
            self.idle = True
            return attempts
        except (EOFError, ConnectionError):  # a pipe's other end is gone
            raise WorkerError(GONE) from None
        finally:
            if not self.idle:  # an answer might come later
                self.stop()

    def check(self):
        """Raise WorkerError if one of the processes is gone. One whose parent is gone ends here."""
        if os.getpid() != self.parent:
            if os.getppid() != self.parent:
                os._exit(1)
        elif any(process.gone() for process, _ in self.members):
            raise WorkerError(GONE)

    def _answers(self):
        """What the others send back. Whoever is first is read first: one may wait for another."""
        answers = {pipe: None for _, pipe in self.members}
        waiting = set(answers)
        while waiting:
            for pipe in connection.wait(waiting, LOOK):
                result, error, where = pickle.loads(pipe.recv_bytes())
                if error:
                    error.__cause__ = WorkerError(f"in a worker process:\n{where}")
                answers[pipe] = result, error
                waiting.remove(pipe)
        return list(answers.values())

    def _lay_out(self, args):
        """`args` with every array copied to the board and replaced by its place there."""
        placed, need = list(args), 0
        for i, a in enumerate(args):
            if isinstance(a, np.ndarray) and not a.dtype.hasobject:
                placed[i] = Place(a.shape, a.dtype, need)
                need += 64 * (a.nbytes // 64 + 1)
        if need > self.room:
            self.room = 2 * need
            self.stop()
        if not self.idle:
            self.start()
        for a, place in zip(args, placed, strict=True):
            if isinstance(place, Place):
                place.on(self.board)[...] = a
        return placed

    def _work(self, pipe, *others):
        """A process's life: take orders until there is no one left to give them.

        others: ends of pipes that are the parent's alone, to be closed with it.
        """
        for other in [*others, *(pipe for _, pipe in self.members)]:
            other.close()
        gc.freeze()  # what the parent made is the parent's to clear away
        while True:
            while not pipe.poll(LOOK):
                self.check()
            result, error = attempt(self._obey, pipe.recv_bytes())
            where = "".join(traceback.format_exception(error)) if error else ""
            pipe.send_bytes(packed(result, error, where))

    def _obey(self, order):
        index, count, placed = pickle.loads(order)
        args = [a.on(self.board) if isinstance(a, Place) else a for a in placed]
        return self.serve(count, self.methods[index], args)


def packed(result, error, where):
    """An answer as bytes. What pickle cannot send is told in words."""
    try:
        data = pickle.dumps((result, error, where))
        if error:
            pickle.loads(data)  # some exceptions can be written but not read
        return data
    except Exception as problem:
        words = f"what a worker {'raised' if error else 'returned'} cannot be sent here"
        return pickle.dumps((None, WorkerError(f"{words}: {error or problem!r}"), where))
