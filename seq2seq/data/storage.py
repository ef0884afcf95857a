"""Files that several processes share: hashes and locks."""

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

BLOCK = 1 << 20  # bytes
PATIENCE = 2.0  # seconds before a wait is worth a line in the log

Version = tuple[str, int, int, int, int, int]  # path, size, times, number and device of a file
_hashes: dict[Version, str] = {}  # of files that this process has read


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remembered_sha256(path: Path) -> str:
    """The same; a file that has not changed since this process read it is not read again."""
    version = version_of(path)
    if version not in _hashes:
        _hashes[version] = sha256_of(path)
    return _hashes[version]


def recall_sha256(version: Version, sha256: str) -> None:
    """Take over what another process read of a version of a file."""
    _hashes.setdefault(version, sha256)


def is_hashed(path: Path) -> bool:
    """Whether `remembered_sha256` would read nothing."""
    return path.is_file() and version_of(path) in _hashes


def version_of(path: Path) -> Version:
    """What changes whenever a file does."""
    status = path.stat()
    times = status.st_mtime_ns, status.st_ctime_ns
    return str(path.resolve()), status.st_size, *times, status.st_ino, status.st_dev


class HashingFile(io.RawIOBase):
    """A file that is hashed while it is read; the hash is remembered when it is read to its end."""

    def __init__(self, path: Path) -> None:
        self._file = io.FileIO(path)
        self._path, self._version = path, version_of(path)
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        if count == 0 and version_of(self._path) == self._version:
            _hashes[self._version] = self._digest.hexdigest()
        return count

    def read_rest(self) -> None:
        """Read to the end for the hash alone."""
        block = memoryview(bytearray(BLOCK))
        while self.readinto(block):
            pass

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def locked(path: Path, purpose: str) -> Iterator[None]:
    """Hold a lock file against other processes. Waits as long as it takes, and says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        logger.info("waiting for another run that is %s (lock %s)", purpose, path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
