"""Room on a disk."""

import shutil
from pathlib import Path

from seq2seq.errors import UserError


def ensure_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk of a folder has no room for.

    Args:
        folder: may be missing; its nearest parent is asked.
        needed: bytes.

    Raises:
        UserError: fewer are free.
    """
    folder = folder.absolute()
    present = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(present).free
    if free < needed:
        raise UserError(
            f"{folder}: {megabytes(needed)} are needed, and {megabytes(free)} are free there; make "
            "room, or choose a folder on another disk"
        )


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.1f} MB"
