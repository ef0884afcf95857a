"""Damage that is done to files before a command reads them."""

from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]


def every(pattern: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the content of all files of a pattern, of which there must be some."""

    def damage(folder: Path) -> None:
        paths = [path for path in folder.glob(pattern) if path.is_file()]
        assert paths, f"{folder} holds no {pattern}"
        for path in paths:
            path.write_bytes(change(path.read_bytes()))

    return damage


def without(path: str) -> Damage:
    return lambda folder: (folder / path).unlink()


def truncated(pattern: str) -> Damage:
    return every(pattern, lambda content: content[: len(content) // 2])


def cut_after(pattern: str, text: bytes) -> Damage:
    """Files that end with the first place of a text."""
    return every(pattern, lambda content: content[: content.index(text) + len(text)])


def emptied(pattern: str) -> Damage:
    return every(pattern, lambda _: b"")


def replaced(pattern: str, old: str, new: str) -> Damage:
    """Put a text in place of another, which must be there."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode())

    return every(pattern, change)


def written(pattern: str, content: bytes) -> Damage:
    return every(pattern, lambda _: content)


def flipped(pattern: str) -> Damage:
    """One bit in the middle."""

    def change(content: bytes) -> bytes:
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

    return every(pattern, change)
