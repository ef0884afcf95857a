"""Folders of a cache that runs share: made once, whole or absent, and made again when damaged."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from seq2seq.data.blocks import block_list
from seq2seq.data.storage import locked, sha256_of
from seq2seq.errors import DataError
from seq2seq.files import atomic_path, identity_of, sealed, sweep, unsealed

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"  # of the files of a folder, written last
SMALL = 1 << 25  # bytes of a file that takes no time worth saving to read


def ensure_folder(
    folder: Path,
    build: Callable[[Path], None],
    *,
    damage: Callable[[Path], str | None],
    is_written: Callable[[str], bool],
    purpose: str,
) -> None:
    """Make a folder unless it is there and whole. Safe to call from several processes.

    A folder that is whole is neither locked nor written to. Processes verify it side by side.

    Args:
        build: writes the content of a new folder, its manifest last.
        damage: why a folder is not whole; None if it is.
        is_written: whether `build` writes a file or folder of this name. A folder with another is
            somebody else's.
        purpose: what one process waits for another to do: "preparing the same corpus".

    Raises:
        DataError: what is there was not written by `build`.
    """
    sweep(folder.parent)
    while problem := damage(folder):
        seen = identity_of(folder / MANIFEST)
        with locked(folder.with_name(f"{folder.name}.lock"), purpose):
            if identity_of(folder / MANIFEST) != seen:
                continue  # another process has made it: verify that
            ensure_of_cache(folder, is_written)
            if folder.exists():
                logger.warning("%s: %s; making it again", folder, problem)
            with atomic_path(folder) as stage:
                stage.mkdir()
                build(stage)
            break


def ensure_of_cache(folder: Path, is_written: Callable[[str], bool]) -> None:
    """Refuse to replace what this project did not write. Raises DataError."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise DataError(f"{folder}: is not a folder of this program's cache; move it away")
    for path in folder.iterdir():
        if not is_written(path.name):
            raise DataError(
                f"{folder}: holds {path.name}, which this program did not write; move the folder "
                "away, or choose another data.cache_dir"
            )


def contents(folder: Path) -> list[Path]:
    """Files of a folder, the manifest left out."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def save_manifest(folder: Path, facts: dict[str, object]) -> None:
    """Write facts about a folder, and the size and hash of every file in it."""
    files = {
        str(path.relative_to(folder)): [path.stat().st_size, sha256_of(path)]
        for path in contents(folder)
    }
    (folder / MANIFEST).write_bytes(sealed({**facts, "files": files}))


def folder_damage(
    folder: Path, *, unsealed_keys: tuple[str, ...] = (), all_blocks: bool = True
) -> str | None:
    """Why a folder does not match its manifest; None if it does.

    Args:
        unsealed_keys: see `unsealed`.
        all_blocks: read every file. Otherwise only the size is compared of a large file whose
            blocks are verified when they are read.
    """
    try:
        manifest = unsealed((folder / MANIFEST).read_bytes(), unsealed_keys=unsealed_keys)
        files = manifest["files"]
        for name, (size, sha256) in files.items():
            path = folder / name
            in_blocks = str(block_list(Path(name))) in files and size > SMALL
            if not path.is_file() or path.stat().st_size != size:
                return f"{name} is missing or damaged"
            if (all_blocks or not in_blocks) and sha256_of(path) != sha256:
                return f"{name} is missing or damaged"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} is missing or damaged"
    return None
