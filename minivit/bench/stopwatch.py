"""A stopwatch for functions inside functions, on several threads at once."""

import contextlib
import threading
import time
from dataclasses import dataclass


@dataclass
class Total:
    """What all calls under one label took, of all threads together.

    whole: seconds from call to return; seconds: without the watched functions called inside;
    products: the part of `seconds` in matrix products; flops: theirs.
    """

    whole: float = 0.0
    seconds: float = 0.0
    products: float = 0.0
    flops: int = 0
    calls: int = 0


class Stopwatch:
    """Time by label; `totals` maps a label to its `Total`, in the order of first return."""

    def __init__(self, wait=lambda: None):
        self.totals, self.wait = {}, wait
        self._lock, self._local = threading.Lock(), threading.local()

    @property
    def stack(self):
        """This thread's watched calls, outermost first: [label, seconds of calls inside it]."""
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        return self._local.stack

    def call(self, label, function, args, keywords):
        """function(*args, **keywords), its time put down under `label`."""
        stack, frame = self.stack, [label, 0.0]
        stack.append(frame)
        self.wait()
        start = time.perf_counter()
        try:
            return function(*args, **keywords)
        finally:
            self.wait()
            elapsed = time.perf_counter() - start
            stack.pop()
            if stack:
                stack[-1][1] += elapsed
            with self._lock:
                total = self.totals.setdefault(label, Total())
                total.whole += elapsed
                total.seconds += elapsed - frame[1]
                total.calls += 1

    def product(self, seconds, flops):
        """Put a matrix product down under the innermost watched call."""
        label = self.stack[-1][0] if self.stack else None
        with self._lock:
            total = self.totals.setdefault(label, Total())
            total.products += seconds
            total.flops += flops


@contextlib.contextmanager
def watching(owner, attribute, label, stopwatch):
    """Have every call of owner.attribute timed, under label(*its arguments), inside `with`."""
    own = attribute in vars(owner)
    original = getattr(owner, attribute)

    def watched(*args, **keywords):
        return stopwatch.call(label(*args), original, args, keywords)

    setattr(owner, attribute, watched)
    try:
        yield
    finally:
        if own:
            setattr(owner, attribute, original)
        else:
            delattr(owner, attribute)
