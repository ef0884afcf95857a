"""Files and folders that are whole or not there, even after a power cut: written beside their place, then moved."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A name to write a file or folder under; it takes its place at `path` when the block ends without an error.

    What stood at `path` is replaced; after an error it is as it was. Folders above it are made. The name lies in the
    same folder, so the move cannot be torn.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stage = path.parent / f".{path.name}.{os.getpid()}.partial"
    remove(stage)
    try:
        yield stage
        if stage.is_file():
            with stage.open("rb+") as file:
                os.fsync(file.fileno())
        if path.is_dir() or stage.is_dir():
            remove(path)
        os.replace(stage, path)
    finally:
        remove(stage)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` as `atomic_path` does."""
    with atomic_path(path) as stage, stage.open("wb") as file:
        yield file


def atomic_write(path: Path, content: bytes) -> None:
    """Write a small file, never seen half written."""
    with atomic_file(path) as file:
        file.write(content)


def remove(path: Path) -> None:
    """Delete a file or a folder, if there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_lines(path: Path, lines: list[str]) -> None:
    """One line each, ended by a line feed alone."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_lines(path: Path) -> list[str]:
    """What `write_lines` wrote; only a line feed ends a line."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.removesuffix("\n") for line in file]
