"""Memory that a step frees is not asked of the system again by the next."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes
import resource
import sys

from seq2seq.kept_memory import keep_freed_memory

library, size = ctypes.CDLL(None), 4 << 20
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]


def step():
    blocks = [library.malloc(size) for _ in range(24)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks:
        library.free(block)


assert sys.argv[1] == "plain" or keep_freed_memory()
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(variant: str) -> int:
    """Pages that the second of two equal steps asks of the system."""
    command = [sys.executable, "-c", PROGRAM, variant]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_steps_take_no_new_pages() -> None:
    assert pages("kept") < 100 < pages("plain")
