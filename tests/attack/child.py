"""One turn: python -m tests.attack.child KIND SEED SECONDS PLACE -> one JSON object on stdout.

The process may take `limits.MEMORY` more than it has after starting. The number of the attack that
is being tried stands in KIND-number beside PLACE, for the parent to see if the process dies.
"""

import ctypes
import gc
import json
import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from minivit import limits

SLOW = 20.0  # seconds that no answer may take, on a busy machine
MOST_BROKEN = 50  # in one turn; then it ends


def in_use(name):
    """Bytes, from this process's status: "VmSize", "VmRSS"."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))


def kept():
    """Bytes of memory that are in use and not only kept by the allocator for later."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return in_use("VmRSS")


def main(kind, seed, seconds, place):
    """Attack until the time is over, and print what came of it."""
    warnings.simplefilter("ignore")
    place = Path(place).absolute()
    number_file = os.open(place.parent / f"{kind}-number", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    ours = find_spec(f"tests.attack.{kind}")  # or a module of its own, in the tests of the attack
    attack = import_module(f"tests.attack.{kind}" if ours else kind).begin(place)
    if sys.platform == "linux":
        limit = in_use("VmSize") + limits.MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    outcomes, broken, slowest, number = Counter(), [], 0.0, 0
    before, began = in_use("VmRSS"), time.monotonic()
    half, end, at_half = began + float(seconds) / 2, began + float(seconds), None
    while (time.monotonic() < end or number == 0) and len(broken) < MOST_BROKEN:
        os.pwrite(number_file, b"%9d" % number, 0)
        started = time.monotonic()
        try:
            outcome = attack(random.Random(f"{seed}/{number}"))
        except BaseException as error:
            outcome = "broken"
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            broken.append([number, what[:900]])
        took = time.monotonic() - started
        if took > SLOW:
            broken.append([number, f"took {took:.0f} s"])
        outcomes[outcome] += 1
        slowest, number = max(slowest, took), number + 1
        if at_half is None and started > half:
            at_half = kept()
    leaked = max(0, kept() - (at_half or sys.maxsize))
    peak = in_use("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    result = {"outcomes": outcomes, "broken": broken, "slowest": slowest}
    print(json.dumps({**result, "grown": max(0, peak - before), "leaked": leaked}))


if __name__ == "__main__":
    main(*sys.argv[1:])
