"""Reading the clock: on a GPU, only once it has done what it was told."""

import math
import time

import numpy as np

SECONDS = 0.2  # how long one timing lasts at least: a clock's and a scheduler's grain vanish in it


def synchronizer(xp):
    """A function that waits until the device of `xp` is idle; NumPy's always is."""
    return (lambda: None) if xp is np else xp.cuda.runtime.deviceSynchronize


def timed(function, wait):
    """Seconds that function() takes, to the end of what it started on the device."""
    wait()
    start = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - start


def repeats(seconds, least=SECONDS):
    """How many times something of `seconds` must run to last `least` seconds."""
    return min(1000, max(1, math.ceil(least / max(seconds, 1e-9))))


def average(function, wait, least=SECONDS):
    """Seconds of one function(), over as many as last `least` seconds, after one that warms up."""
    count = repeats(timed(function, wait), least)
    return timed(lambda: [function() for _ in range(count)], wait) / count
