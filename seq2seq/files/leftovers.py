"""Names of unfinished files and folders, and the removal of those that killed processes left.

A name says which file is written and by which process, so that nobody else's file is taken for a
leftover, and no leftover for the work of a living process.
"""

import contextlib
import functools
import hashlib
import itertools
import os
import re
import shutil
import socket
import time
from pathlib import Path

from seq2seq.processes import has_ended, start_ticks

PARTIAL = ".partial"  # suffix of what is not yet complete
ASIDE = ".aside"  # suffix of what was complete until another took its place
OLD = 7 * 24 * 3600.0  # seconds after which the process of another machine is held to be gone
_NAME = re.compile(
    r"\.(?P<name>.+)\.((?P<machine>[0-9a-f]{8})-(?P<process>\d+)-(?P<ticks>\d+)-\d+|\d+)"
    r"\.(partial|aside)",
    re.DOTALL,
)  # of this version, or of 0.1.0, which named only a process
_numbers = itertools.count()


def temporary_path(path: Path) -> Path:
    """A path beside `path` that no other process, and no other call in this one, writes to."""
    process = os.getpid()
    owner = f"{machine()}-{process}-{start_ticks(process)}-{next(_numbers)}"
    return path.parent / f".{path.name}.{owner}{PARTIAL}"


@functools.cache
def machine() -> str:
    """What tells apart the machines, and the containers on them, that number processes anew."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def sweep(folder: Path, *, locked: bool = False) -> None:
    """Delete what processes that are gone left unfinished in a folder, not in its subfolders.

    What one of them had moved aside comes back if nothing took its place. What cannot be removed
    stays: it does no harm. Of processes on other machines nothing is known, so their leftovers go
    once they have not changed for a week.

    Args:
        locked: whether the caller alone may write to the folder, so that nothing there is alive.
    """
    try:
        paths = sorted(folder.iterdir(), key=lambda path: not path.name.endswith(ASIDE))
    except OSError:
        return
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        with contextlib.suppress(OSError):
            if locked or _is_left(path, match):
                target = folder / match["name"]
                if path.name.endswith(ASIDE) and not os.path.lexists(target):
                    os.replace(path, target)
                else:
                    remove(path)


def _is_left(path: Path, match: re.Match[str]) -> bool:
    if match["machine"] == machine():
        return has_ended(int(match["process"]), int(match["ticks"]))
    return time.time() - path.lstat().st_mtime > OLD


def remove(path: Path) -> None:
    """Delete a file or a folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
