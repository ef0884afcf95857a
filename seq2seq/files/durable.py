"""Durable writes: a file or folder is complete at its path or absent, even after a power cut.

Content is written beside its path, flushed to the disk and renamed; then the folder that holds it
is flushed. What was there before is deleted only once the new content has its name. A link at the
path is replaced, and what it points to stays.
"""

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seq2seq.files.leftovers import ASIDE, remove, sweep, temporary_path

_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # linux/fcntl.h
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}  # of file systems that cannot flush a folder
_OF_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path to write a file or a folder to; renamed to `path` if the block succeeds.

    The temporary path lies in the folder of `path`, which is created if missing, and in which the
    leftovers of killed processes are deleted. Permissions are those of any new file or folder. If
    the block raises, `path` keeps its present content.

    Raises:
        OSError: it cannot be written; the error names a path.
    """
    path = Path(path)
    with _naming(path):
        _make_folder(path.parent)
        sweep(path.parent)
        partial = temporary_path(path)
        try:
            yield partial
            _flush_tree(partial)
            _move(partial, path)
            _flush(path.parent)
        finally:
            remove(partial)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new binary file, renamed to `path` if the block succeeds; see `atomic_path`."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        yield file


def atomic_write(path: Path, content: bytes) -> None:
    """Write a whole file; see `atomic_path`."""
    with atomic_file(path) as file:
        file.write(content)


def append_text(path: Path, text: str) -> None:
    """Append to a file, creating it if missing, and flush it to the disk.

    Raises:
        OSError: it cannot be written; the error names a path. A part may have been appended.
    """
    with _naming(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text, each ended by a line feed; see `atomic_path`."""
    atomic_write(path, "".join(f"{line}\n" for line in lines).encode())


def read_lines(path: Path) -> list[str]:
    """Lines that `write_lines` wrote; only a line feed ends a line."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.removesuffix("\n") for line in file]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the disk name a path, where the system says none."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _OF_DISK:
            error.filename = str(path)
        raise


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, so that they are there after a power cut too."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush(folder.parent)


def _move(partial: Path, path: Path) -> None:
    """Rename, replacing a file in one step and a folder without deleting it first."""
    replaces_folder = os.path.lexists(path) and (path.is_dir() or partial.is_dir())
    if not replaces_folder:
        try:
            os.replace(partial, path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise  # else another process wrote this folder first
    if not _exchange(partial, path):
        aside = partial.with_suffix(ASIDE)
        os.replace(path, aside)
        try:
            os.replace(partial, path)
        except OSError:
            os.replace(aside, path)
            raise
        remove(aside)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step; False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    paths = os.fsencode(first), os.fsencode(second)
    result: int = renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    return result == 0


def _flush_tree(path: Path) -> None:
    """Flush a file, or a folder with everything in it, to the disk, with the rights of new ones."""
    if path.is_dir():
        for entry in path.iterdir():
            if not entry.is_symlink():
                _flush_tree(entry)
    _grant(path)
    _flush(path)


def _grant(path: Path) -> None:
    """Give a file the rights that the umask leaves: some libraries create theirs with fewer.

    A file system without rights refuses that, and needs none.
    """
    mask = os.umask(0o077)
    os.umask(mask)
    mode = path.stat().st_mode
    granted = mode | (0o777 if stat.S_ISDIR(mode) else 0o666) & ~mask
    if granted != mode:
        with contextlib.suppress(OSError):
            path.chmod(stat.S_IMODE(granted))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in _NO_FOLDER_SYNC):
            raise
    finally:
        os.close(descriptor)
