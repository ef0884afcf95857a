"""Files that are whole or not there: hashes, atomic writes and locks."""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds before a wait is worth a line in the log


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A name to write a file or folder under; it takes its place at `path` when the block ends without an error.

    What stood at `path` is replaced. The name lies in the same folder, so the move cannot be torn.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stage = path.parent / f".{path.name}.tmp-{os.getpid()}"
    remove(stage)
    try:
        yield stage
        if path.is_dir():
            remove(path)
        os.replace(stage, path)
    finally:
        remove(stage)


def remove(path: Path) -> None:
    """Delete a file or a folder, if there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file against other processes. Waits as long as it takes, and says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        logger.info("waiting for another run that is %s (lock %s)", what, path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
