"""Memory: keep what the system has given, so that a step's arrays cost no page faults.

Every NumPy operation makes an array, and a step frees them all. The C library hands large blocks
straight back to the system, which must then find, clear and map each page anew in the next step:
a small model spends half of its time on that. Told to keep them, it reuses the same pages.
"""

import ctypes
import sys

# From glibc's malloc.h: names of settings for mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8


def keep_memory():
    """Ask the C library to keep freed memory for the whole process -> whether it will.

    Only glibc (Linux) has the setting; elsewhere nothing happens. All threads share one arena, as
    the others are cut into pieces of 64 MiB that are given back. Best called before threads start.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((MMAP_THRESHOLD, 1 << 30), (TRIM_THRESHOLD, 2**31 - 1), (ARENA_MAX, 1))
    return all([mallopt(name, value) for name, value in settings])
