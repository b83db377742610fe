"""Watch: notice a rank that has neither ended nor answers, such as a stopped or frozen one.

A thread of every rank sends a beat twice a second, so a rank that computes for long is heard all
the same. Rank 0 listens to all others, and they listen to it.
"""

import threading
import time

BEAT = 0.5  # seconds
SILENT = 6.0  # seconds without a beat after which a rank counts as lost
GRACE = 1.5  # seconds that the main thread has to notice it


class Watch(threading.Thread):
    """The thread of one rank. comm: a communicator of its own; hosts: the name of each rank's.

    lost: the words for a silent rank, once there is one; end(words): called if the main thread has
    not ended the program by then.
    """

    def __init__(self, comm, hosts, end):
        super().__init__(daemon=True, name="watch")
        self.comm, self.hosts, self.end, self.lost = comm, hosts, end, ""
        self.stopped, self.sends = threading.Event(), {}
        self.watched = range(1, comm.size) if comm.rank == 0 else [0]
        # one rank ends the others: they do not all say the same
        self.limit = SILENT + 0.4 * min(comm.rank, 4)

    def run(self):
        """Send and listen until `stop`."""
        heard, now = dict.fromkeys(self.watched, time.monotonic()), time.monotonic()
        while not self.stopped.wait(BEAT):
            before, now = now, time.monotonic()
            if now - before > BEAT + GRACE:  # this process itself was stopped: give them time
                heard = dict.fromkeys(heard, now)
            self._send()
            for rank in self._received():
                heard[rank] = now
            silent = [rank for rank, then in heard.items() if now - then > self.limit]
            if silent:
                self.lost = self._words(silent)
                if not self.stopped.wait(GRACE):
                    self.end(self.lost)
                return

    def stop(self):
        """End the thread, when all ranks are known to be well."""
        self.stopped.set()
        self.join()

    def drain(self):
        """Receive what is still on its way."""
        for _ in self._received():
            pass

    def _send(self):
        for rank in self.watched:
            if rank not in self.sends or self.sends[rank].Test():
                self.sends[rank] = self.comm.Isend(bytearray(1), rank)

    def _received(self):
        """The ranks of which a beat has arrived."""
        while any(self.comm.Iprobe(rank) for rank in self.watched):
            for rank in self.watched:
                if self.comm.Iprobe(rank):
                    self.comm.Recv(bytearray(1), rank)
                    yield rank

    def _words(self, silent):
        names = ", ".join(f"rank {rank} (on {self.hosts[rank]})" for rank in silent[:3])
        more = f" and {len(silent) - 3} others" if len(silent) > 3 else ""
        verb = "has" if len(silent) == 1 else "have"
        return f"{names}{more} {verb} not answered for {self.limit:.0f} seconds"
