"""A stopwatch for functions that call each other, on several threads at once."""

import contextlib
import threading
import time
from dataclasses import dataclass


@dataclass
class Total:
    """The time of all calls under one label, summed over all threads.

    inclusive: seconds from call to return; own: without the watched functions called inside;
    products: the part of `own` in matrix products; flops: the FLOPs of these products.
    """

    inclusive: float = 0.0
    own: float = 0.0
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
        """Call function(*args, **keywords) and add its time to the total of `label`."""
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
                total.inclusive += elapsed
                total.own += elapsed - frame[1]
                total.calls += 1

    def product(self, seconds, flops):
        """Add a matrix product to the total of the innermost watched call."""
        label = self.stack[-1][0] if self.stack else None
        with self._lock:
            total = self.totals.setdefault(label, Total())
            total.products += seconds
            total.flops += flops


@contextlib.contextmanager
def watching(owner, attribute, label, stopwatch):
    """Inside `with`, time every call of owner.attribute under label(*its arguments)."""
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
