"""Files that several processes share: hashes, locks, and writes that are whole or not there."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

BLOCK = 1 << 20  # bytes
PATIENCE = 2.0  # seconds before a wait is worth a line in the log


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


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
