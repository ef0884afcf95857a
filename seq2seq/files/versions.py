"""Reading several files of a folder that another process may replace meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ATTEMPTS = 5
Identity = tuple[int, ...]


def identity_of(path: Path) -> Identity:
    """Equal for equal content of a file that is always replaced, never changed; empty without."""
    try:
        entry = path.stat()
    except OSError:
        return ()
    return entry.st_dev, entry.st_ino, entry.st_mtime_ns, entry.st_size


def read_of_one_version(marker: Path, read: Callable[[], T]) -> T:
    """What is read from a folder, all of it from before or from after it was replaced.

    Args:
        marker: a file that every version of the folder has.
        read: is called again if the folder was replaced while it ran, whether it raised or not.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = identity_of(marker)
        try:
            result = read()
        except Exception:
            if attempt == ATTEMPTS or identity_of(marker) == before:
                raise
        else:
            if attempt == ATTEMPTS or identity_of(marker) == before:
                return result
    raise AssertionError("the last attempt returns or raises")
