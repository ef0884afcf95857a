"""Folders and files that may be replaced: those that are recognised as written by this package."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from seq2seq.errors import UserError


def replaceable_folder(path: Path, known_by: Collection[str]) -> Path:
    """Where a folder is to be written: the path, with links followed.

    Args:
        known_by: names, any of which only a folder of this kind has in it.

    Raises:
        UserError: something stands there that is neither empty nor such a folder.
    """
    path = path.resolve()
    if not path.exists():
        return path
    if not path.is_dir():
        raise not_ours(path, "is no folder")
    names = {entry.name for entry in path.iterdir()}
    if names and not names.intersection(known_by):
        raise not_ours(path, f"has none of {', '.join(known_by)} in it")
    return path


def ensure_replaceable_json(path: Path, known_by: Collection[str]) -> None:
    """Refuse to replace a file that is not JSON with certain keys, or not empty.

    Raises:
        UserError: it holds something else.
    """
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not (isinstance(content, dict) and content.keys() >= set(known_by)):
        raise not_ours(path, f"does not hold {', '.join(known_by)}")


def not_ours(path: Path, reason: str) -> UserError:
    """The error that refuses to replace something."""
    return UserError(
        f"{path} {reason}, so it was not written by this command, and is not replaced; move it "
        "away, or choose another place"
    )
