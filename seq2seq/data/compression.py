"""Compressed text, recognised by its first bytes: gzip, bzip2, xz and Zstandard."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seq2seq.data.storage import BLOCK
from seq2seq.errors import DataError

DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)  # of the libraries that unpack


@dataclass(frozen=True)
class Compression:
    """A format of compressed files.

    Attributes:
        name: in messages.
        suffix: of file names, in lower case.
        beginnings: of files; one of them is the first bytes of each.
        unpacked: the file of unpacked bytes for a file of packed ones.
    """

    name: str
    suffix: str
    beginnings: tuple[bytes, ...]
    unpacked: Callable[[Any], Any]


def gunzipped(packed: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=packed)


def zstd_unpacked(packed: BinaryIO) -> io.RawIOBase:
    import pyarrow  # Python's own library has Zstandard from 3.14 on

    return ReadOnly(pyarrow.CompressedInputStream(packed, "zstd").read)


BZIP2_BLOCK, BZIP2_END = b"1AY&SY", b"\x17rE8P\x90"
COMPRESSIONS = (
    Compression("gzip", ".gz", (b"\x1f\x8b",), gunzipped),
    Compression(
        "bzip2",
        ".bz2",
        tuple(b"BZh%d%s" % (n, mark) for n in range(1, 10) for mark in (BZIP2_BLOCK, BZIP2_END)),
        bz2.BZ2File,
    ),
    Compression("xz", ".xz", (b"\xfd7zXZ\0",), lzma.LZMAFile),
    Compression(
        "Zstandard",
        ".zst",
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))),
        zstd_unpacked,
    ),
)
ENDINGS = {compression.suffix: compression for compression in COMPRESSIONS}
FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x04\x22\x4d\x18": "lz4 data",
    b"\x1f\x9d": "data of compress (.Z)",
    b"PAR1": "a Parquet file",
}  # what cannot be unpacked here
LONGEST_BEGINNING = max(len(item) for kind in COMPRESSIONS for item in kind.beginnings)


class ReadOnly(io.RawIOBase):
    """A raw file of what a function reads."""

    def __init__(self, read: Callable[[int], bytes], first: bytes = b"") -> None:
        """Args: first: bytes before those that `read` returns."""
        self._read, self._first = read, first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._first[: len(buffer)] or self._read(len(buffer))
        self._first = self._first[len(content) :]
        buffer[: len(content)] = content
        return len(content)


def without_suffix(path: Path) -> Path:
    """A path without the suffix of a compression."""
    return path.with_suffix("") if path.suffix.lower() in ENDINGS else path


def unpacked(read: Callable[[int], bytes], name: str) -> tuple[BinaryIO, Compression | None]:
    """The bytes of a file, unpacked if they are compressed, and how they were.

    It reads no more at the beginning than it needs, so a line that is typed is there at once.

    Args:
        read: the next bytes of the file, at most so many, none only at its end.
        name: of the file, for messages.

    Raises:
        DataError: the name ends as that of a compressed file, but the content is none; or it is an
            archive that cannot be read here.
    """
    first = b""
    while len(first) < LONGEST_BEGINNING and may_be_packed(first):
        block = read(LONGEST_BEGINNING - len(first))
        if not block:
            break
        first += block
    stored = io.BufferedReader(ReadOnly(read, first), BLOCK)
    for compression in COMPRESSIONS:
        if first.startswith(compression.beginnings):
            return io.BufferedReader(compression.unpacked(stored), BLOCK), compression
    ensure_plain(first, name)
    return stored, None


def may_be_packed(first: bytes) -> bool:
    """Whether the first bytes of a file may be the beginning of what is not plain text."""
    beginnings = [*FOREIGN, *(item for kind in COMPRESSIONS for item in kind.beginnings)]
    return any(item.startswith(first) or first.startswith(item) for item in beginnings)


def ensure_plain(first: bytes, name: str) -> None:
    """Refuse other archives, and files whose names say that they are compressed."""
    for beginning, description in FOREIGN.items():
        if first.startswith(beginning):
            raise DataError(f"{name}: is {description}, not text; unpack it first")
    compression = ENDINGS.get(Path(name).suffix.lower())
    if compression is not None and first:
        raise DataError(
            f"{name}: its name is that of {compression.name} data, but it is none: it is damaged "
            "or not compressed; fetch it again, or take the ending off its name"
        )


def damaged(name: str, number: int, compression: Compression | None, error: Exception) -> DataError:
    """The error for data that cannot be read up to its end."""
    place = f"{name}:{number}"
    if compression is None or (isinstance(error, OSError) and error.errno is not None):
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return DataError(
            f"{place}: cannot be read further ({reason}); check the disk, or fetch the file again"
        )
    return DataError(
        f"{place}: the {compression.name} data is damaged or cut off; fetch the file again"
    )
