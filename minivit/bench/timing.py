"""Reading the clock. On a GPU, only after it has finished its work."""

import math
import time

import numpy as np

# The shortest time of one measurement: long beside the resolution of the clock and the scheduler.
SECONDS = 0.2


def no_wait():
    """On a CPU, what a call has started is done when it returns."""


def synchronizer(xp):
    """A function that waits until the device of `xp` is idle."""
    return no_wait if xp is np else xp.cuda.runtime.deviceSynchronize


def timed(function, wait):
    """Seconds that function() takes, until the device has finished what it started."""
    wait()
    start = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - start


def repeats(seconds, least=SECONDS):
    """How many times something of `seconds` must run to last `least` seconds."""
    return min(1000, max(1, math.ceil(least / max(seconds, 1e-9))))


def average(function, wait, least=SECONDS):
    """Seconds of one function(): the mean of as many as last `least` seconds, after a warm-up.

    On a GPU that is three: the first compiles kernels, the second may record them.
    """
    for _ in range(0 if wait is no_wait else 2):
        function()
    count = repeats(timed(function, wait), least)
    return timed(lambda: [function() for _ in range(count)], wait) / count
