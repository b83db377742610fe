"""Stopping politely: Ctrl-C and its kin end a run after the step it is in, with all saved."""

import signal
import threading

# Ctrl-C, `kill`, the terminal that was closed, and a scheduler's warning that time is up. Windows
# has neither of the last two. Open MPI's mpiexec forwards the last one without a SIGKILL after it.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


class Interrupted(KeyboardInterrupt):
    """The run was stopped; `status` is 128 + the signal, the message says how to go on."""

    agreed = False  # whether all ranks stop after the same step

    def __init__(self, message, number):
        super().__init__(message)
        self.status = 128 + number


class Interrupts:
    """Within `with Interrupts() as stop:`, `stop.number` becomes the signal that arrived.

    A second signal raises KeyboardInterrupt at once (checkpoints are atomic, the last one stays
    good). Once the run is on its way out, `stop.leaving`, no signal disturbs it. Signals can be
    handled in the main thread only; elsewhere this does nothing. One that was ignored before
    (nohup) stays so. Old handlers come back; but if the process ends afterwards, `final`, and it is
    on its way out, signals are ignored from then on: it is one rank of several, say, which waits
    for the one that saves.
    """

    def __init__(self):
        self.number, self.leaving, self.final, self._old = None, False, False, {}
        self._others = False  # whether another rank has been asked to stop, and this one not

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, *exception):
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_IGN if self.leaving and self.final else handler)

    def leave(self, message):
        """Raise Interrupted, on which all ranks agree. No signal disturbs the way out."""
        self.leaving = True
        error = Interrupted(message, self.number)
        error.agreed = True
        raise error

    def follow(self, number):
        """Stop because of a signal that another rank got; the first one here is the same one."""
        if self.number is None:
            self.number, self._others = number, True

    def _arrived(self, number, frame):
        if self.number is None or self._others:
            self.number, self._others = self.number or number, False
        elif not self.leaving:
            self.leaving = True
            raise KeyboardInterrupt
