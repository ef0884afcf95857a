"""Freed memory stays with the process, so that the next step need not ask the system for it.

By default glibc gives large blocks back to the system when they are freed. The system fills each
page with zeros when it hands it out again, which was 4 % of a step of training, 16,000 pages each
time, and as much of decoding in a process of its own.
"""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # options of glibc's mallopt, by <malloc.h>
MOST_KEPT = 2**31 - 1  # bytes of free memory at the end of the heap that are not given back
LARGEST_BLOCK = 32 << 20  # bytes; glibc always gives back greater ones


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed; False if it is not glibc. Changes no result."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_BLOCK) and mallopt(TRIM_THRESHOLD, MOST_KEPT))
