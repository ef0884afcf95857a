"""The members of a bundle: regular files within its folder, all of which its manifest lists."""

from collections.abc import Mapping
from pathlib import Path

from seq2seq.bounded import MAX_YAML, physical_memory
from seq2seq.data.storage import sha256_of
from seq2seq.errors import CheckpointError

CONFIG = "config.yaml"


def ensure_members(path: Path, hashes: Mapping[str, str], *, folders: tuple[str, ...]) -> None:
    """Refuse files of a bundle that are not those of its manifest; nothing outside it is read.

    The bundle may itself lie behind a symbolic link.

    Args:
        hashes: SHA-256 of each member, by its path in the bundle.
        folders: of the bundle, that hold nothing but members.

    Raises:
        CheckpointError: a member is missing, changed, no regular file, lies outside of the bundle,
            or is not listed; or the members do not fit in the memory of this machine.
    """
    files = {name: _member(path, name) for name in hashes}
    if (size := files[CONFIG].stat().st_size) > MAX_YAML:
        raise CheckpointError(f"{path / CONFIG} must have at most {MAX_YAML:,} bytes, not {size:,}")
    size = sum(file.stat().st_size for file in files.values())
    if size > physical_memory():
        raise CheckpointError(
            f"{path}: the files must fit in the memory of this machine, {physical_memory():,} "
            f"bytes, but have {size:,}; load the bundle on a larger machine"
        )
    for name, file in files.items():
        if sha256_of(file) != hashes[name]:
            raise not_the_member(path / name)
    for folder in folders:
        for file in sorted((path / folder).rglob("*")):
            name = file.relative_to(path).as_posix()
            if name not in hashes and (file.is_symlink() or not file.is_dir()):
                raise CheckpointError(
                    f"{file} must not be there: the manifest of the bundle does not list it; "
                    "remove it, or copy the bundle again"
                )


def _member(path: Path, name: str) -> Path:
    """The regular file of a member, with all links followed."""
    try:
        file = (path / name).resolve()
    except (OSError, RuntimeError):  # a circle of links
        raise not_the_member(path / name) from None
    if not file.is_relative_to(path.resolve()):
        raise CheckpointError(f"{path}: the manifest names a file outside of the bundle: {name}")
    if not file.is_file():
        raise not_the_member(path / name)
    return file


def not_the_member(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is missing or damaged: its hash is not that of the manifest; copy the bundle again"
    )
