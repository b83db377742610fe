"""World: all ranks that MPI started, and what they send each other with it.

Worker processes are forked before MPI starts, and none later. A library that sends straight from
memory (InfiniBand) may not let a forked process use that memory, and MPI promises nothing to
processes that are forked while it runs. So the launcher's environment says which rank this is
(`launch.py`); `start` is called when all workers are there.

Every wait for another rank is a loop of short ones. So signals are heard, a stopped rank is noticed
(`watch.py`), and a rank that waits leaves the core to others after a moment.
"""

import os
import pickle
import socket
import time

import numpy as np

from ..errors import ConfigError, RankError
from .meeting import Entry, notes, problem, program
from .nccl import Links
from .ranks import Ranks
from .start import start
from .watch import Watch

FRAME = 4096  # bytes of lists that one message to every rank holds; more need a second one
SPIN = 0.02  # seconds that a rank waits without sleeping, so as to go on at once
PAUSE = 1e-4  # seconds that it then sleeps at a time
WORDS = 0.3  # seconds for a last sentence to get through mpiexec, before it ends all ranks
END = 3.0  # seconds that ranks wait for each other at the end


class World(Ranks):
    """The ranks of a `Launch`. Only `start` imports mpi4py and starts MPI."""

    def __init__(self, launch):
        self.launch, self.rank, self.size = launch, launch.rank, launch.size
        self.host = socket.gethostname()
        self.mpi = self.comm = self.watch = self.interrupts = self.agreed = None
        self.on_gpus, self.links = False, None  # whether arrays are on GPUs; then a `Links`
        self.asked = self.met = False  # whether the ranks have met, and found all well
        self.directory = ""  # where the run is written, once they have met
        self.seconds = 0.0  # that this rank has spent in communication and in waiting for others
        self.bytes = 0  # that this rank has sent

    def start(self):
        """Start MPI. Raises BackendError if it is not there, or is not the launcher's."""
        if self.mpi is None:
            self.mpi = start(self.launch)
            self.comm = self.mpi.COMM_WORLD.Dup()

    def meet(self, facts, error="", status=0, directory="", end=lambda words: None):
        """Start MPI and compare the `facts` of all ranks -> notes for the user, a list.

        error: what happened to this rank instead, with that exit status; directory: where the run
        is, on rank 0; end(words): see `Watch`. Raises RankError, on all ranks alike, unless all are
        well and have the same facts.
        """
        self.asked = True
        self.start()
        entry = Entry(self.host, program(), facts, error, status, directory)
        (entries,) = self.concatenate([entry])
        self.directory = entries[0].directory
        if words := problem(entries):
            failed = max(entry.status for entry in entries)
            raise RankError(words, failed or ConfigError.status)  # else they do not agree
        self.met = True
        words = notes(entries)
        if self.mpi.Query_thread() == self.mpi.THREAD_MULTIPLE:
            control = self.comm.Dup()
            self.watch = Watch(control, [entry.host for entry in entries], end)
            self.watch.start()
        else:
            words.append("note: this MPI has no threads: a frozen rank is not noticed")
        if self.on_gpus:
            self.links = Links(self)
        return words

    def signal(self, interrupts):
        """The signal that had reached any rank before the last `concatenate`."""
        self.interrupts, interrupts.final = interrupts, True
        if self.agreed:
            interrupts.follow(self.agreed)
        return self.agreed

    def swap(self, sends, receives):
        if self.links:
            return self._swap_on_gpus(sends, receives)
        begun, comm = time.perf_counter(), self.comm
        requests = [comm.Irecv(array, other) for array, other in receives if array.size]
        requests += [comm.Isend(array, other) for array, other in sends if array.size]
        self._wait(requests)
        self.seconds += time.perf_counter() - begun
        self.bytes += sum(array.nbytes for array, _ in sends)

    def _swap_on_gpus(self, sends, receives):
        import cupy

        self.links.swap(sends, receives, cupy.cuda.get_current_stream().ptr)
        self.bytes += sum(array.nbytes for array, _ in sends)

    def concatenate(self, *lists):
        """See `Ranks`; signals travel with the lists."""
        begun = time.perf_counter()
        number = self.interrupts.number if self.interrupts else None
        data = pickle.dumps((number, lists), pickle.HIGHEST_PROTOCOL)
        messages = [pickle.loads(message) for message in self._gather(data)]
        self.agreed = next((number for number, _ in messages if number), None)
        self.seconds += time.perf_counter() - begun
        parts = zip(*(lists for _, lists in messages), strict=True)
        return tuple([item for part in same for item in part] for same in parts)

    def _gather(self, data):
        """The bytes of every rank, in order: one message to each for few, a second for more."""
        frame = np.zeros(FRAME, np.uint8)
        length = np.frombuffer(len(data).to_bytes(8, "little"), np.uint8)
        start = data[: FRAME - 8]
        frame[:8], frame[8 : 8 + len(start)] = length, np.frombuffer(start, np.uint8)
        frames = np.empty((self.size, FRAME), np.uint8)
        self._wait([self.comm.Iallgather(frame, frames)])
        lengths = [int.from_bytes(row[:8].tobytes(), "little") for row in frames]
        rests = [max(0, length - (FRAME - 8)) for length in lengths]
        more, ends = np.empty(sum(rests), np.uint8), np.cumsum([0, *rests])
        if sum(rests):
            own = np.frombuffer(data[FRAME - 8 :], np.uint8)
            self._wait([self.comm.Iallgatherv(own, (more, rests))])
        self.bytes += (FRAME + rests[self.rank]) * (self.size - 1)
        return [
            row[8 : 8 + length].tobytes() + more[ends[i] : ends[i + 1]].tobytes()
            for i, (row, length) in enumerate(zip(frames, lengths, strict=True))
        ]

    def _wait(self, requests, limit=None):
        """Until all requests are done. Raises RankError if a rank is lost, or after the limit."""
        done, begun = self.mpi.Request.Testall, time.monotonic()
        try:
            while not done(requests):
                waited = time.monotonic() - begun
                if self.watch and self.watch.lost:
                    raise RankError(self.watch.lost)
                if limit and waited > limit:
                    raise RankError("not all ranks have ended")
                if waited < SPIN:
                    os.sched_yield()
                else:
                    time.sleep(PAUSE)
        except self.mpi.Exception as error:
            raise RankError(f"a rank cannot be reached: {error}") from None

    def finish(self, well=True):
        """Wait for all ranks and end MPI; every rank calls it, well or with an error of all.

        Raises RankError if they do not come within `END` seconds, unless all is `well`.
        """
        if self.comm:
            self._wait([self.comm.Ibarrier()], None if well else END)
            if self.watch:
                self.watch.stop()
                self._wait([self.comm.Ibarrier()], END)
                self.watch.drain()
        self.end_mpi()

    def end_mpi(self):
        """End MPI, if it runs. Waits for all ranks."""
        if self.mpi and self.mpi.Is_initialized() and not self.mpi.Is_finalized():
            self.mpi.Finalize()

    def abort(self, status=1):
        """End all ranks now, also those that do not answer."""
        time.sleep(WORDS)
        if self.mpi and self.mpi.Is_initialized() and not self.mpi.Is_finalized():
            self.mpi.COMM_WORLD.Abort(status)
