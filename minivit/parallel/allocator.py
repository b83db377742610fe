"""Memory: keep what the process has freed, so that a step's arrays cost no page faults.

Every NumPy operation makes an array, and a step frees them all. By default the C library returns
large blocks to the system at once, and the system must find, clear and map every page again in the
next step: a small model spends half of its time on that. With these settings the C library keeps
the blocks and uses the same pages again.
"""

import functools
import sys

# From glibc's malloc.h: names of settings for mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8


@functools.cache  # once in a process, and in those forked from it
def keep_freed_memory():
    """Ask the C library to keep freed memory, in the whole process -> whether it will.

    Only glibc (Linux) has these settings; elsewhere nothing happens. All threads use one arena,
    because the others consist of 64 MiB heaps that are returned to the system. Call it before
    threads start.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes  # here, because a Python may be built without it

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return False
    settings = ((MMAP_THRESHOLD, 1 << 30), (TRIM_THRESHOLD, 2**31 - 1), (ARENA_MAX, 1))
    return all([mallopt(name, value) for name, value in settings])
