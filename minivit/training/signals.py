"""Stopping politely: Ctrl-C and SIGTERM end a run after the step it is in, with all saved."""

import signal
import threading


class Interrupted(KeyboardInterrupt):
    """The run was stopped and saved; `status` is 128 + the signal, the message how to go on."""

    def __init__(self, message, number):
        super().__init__(message)
        self.status = 128 + number


class Interrupts:
    """Within `with Interrupts() as stop:`, `stop.number` becomes the signal that arrived.

    A second signal stops at once (checkpoints are atomic, the last one stays good). Signals can
    be handled in the main thread only; elsewhere this does nothing. Old handlers come back.
    """

    def __init__(self):
        self.number, self._old = None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, *exception):
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _arrived(self, number, frame):
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number
