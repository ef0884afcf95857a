"""The file of a checkpoint: a zip archive of torch's, and behind it the SHA-256 of every byte."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor

from seq2seq.bounded import physical_memory, read_bounded
from seq2seq.errors import CheckpointError
from seq2seq.files import atomic_file

TRAILER = re.compile(rb"\nsha256 ([0-9a-f]{64})\n")
TRAILER_LENGTH = 73  # bytes
ZIP_END, ZIP_END_LENGTH = b"PK\x05\x06", 22  # of an archive without a comment (APPNOTE 4.3.16)


class HashingWriter:
    """A file that is hashed while it is written.

    Attributes:
        error: of the disk; torch raises another one, which does not name it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            count = self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self._digest.update(data)
        return count

    def flush(self) -> None:
        self._file.flush()

    def sha256(self) -> str:
        """Of what was written so far, in hexadecimal."""
        return self._digest.hexdigest()


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint durably; see `seq2seq.files`.

    Raises:
        OSError: it cannot be written; a checkpoint at this path is unchanged.
    """
    with atomic_file(path) as file:
        writer = HashingWriter(file)
        try:
            torch.save(checkpoint, cast(BinaryIO, writer))
        except RuntimeError:
            if writer.error is None:
                raise
            raise writer.error from None
        file.write(f"\nsha256 {writer.sha256()}\n".encode())


def stored_sha256(path: Path) -> str | None:
    """The hash that a checkpoint holds of itself; None in those of version 0.1.0."""
    with path.open("rb") as file:
        file.seek(-min(TRAILER_LENGTH, file.seek(0, io.SEEK_END)), io.SEEK_END)
        match = TRAILER.fullmatch(file.read())
    return match[1].decode() if match else None


def read_checkpoint(path: Path, recorded: str | None) -> tuple[dict[str, Any], bool]:
    """Read a checkpoint once, verify it and load it to the CPU. Nothing in the file is executed.

    Args:
        recorded: its hash, if it was written down elsewhere.

    Returns:
        Its content, and whether there was a hash to verify it by.

    Raises:
        CheckpointError: it is missing, truncated or changed since it was written.
    """
    try:
        data = read_bounded(path, physical_memory())
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error})") from None
    match = TRAILER.fullmatch(data[-TRAILER_LENGTH:])
    content = memoryview(data)[:-TRAILER_LENGTH] if match else memoryview(data)
    actual = hashlib.sha256(content).hexdigest()
    if match and match[1].decode() != actual:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one at its end")
    if recorded not in (None, actual):
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is not the one recorded when it was written"
        )
    if not ends_as_zip(content):
        raise CheckpointError(f"{path} is damaged: it does not end as a checkpoint does")
    return loaded(content, path), bool(match) or recorded is not None


def ends_as_zip(content: memoryview) -> bool:
    return bytes(content[-ZIP_END_LENGTH:]).startswith(ZIP_END)


def loaded(content: memoryview, path: Path) -> dict[str, Any]:
    """Tensors and plain values in an archive of torch's.

    Raises:
        CheckpointError: it holds anything else, or more than its size.
    """
    file = io.BytesIO(content)
    try:
        if any(record.compress_type for record in zipfile.ZipFile(file).infolist()):
            raise CheckpointError("it is compressed")
        file.seek(0)
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({type(error).__name__})"
        ) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise CheckpointError(f"{path} is not a whole checkpoint (it holds no weights)")
    return checkpoint


def tensor_bytes(value: object) -> int:
    """Bytes of all tensors in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes()
    values: Iterable[object] = ()
    if isinstance(value, dict):
        values = value.values()
    elif isinstance(value, list | tuple):
        values = value
    return sum(map(tensor_bytes, values))
