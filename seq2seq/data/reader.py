"""Strict reading of text: a line ends at a line feed only, so that line n of both sides is a pair.

Python's universal newlines, `str.splitlines`, the csv module and most dataset readers also break
or merge lines at characters inside sentences, or read the word NA as nothing. Here, text that
cannot be read exactly is refused with file and line. Files are hashed while they are read.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from seq2seq.data.storage import BLOCK, HashingFile
from seq2seq.errors import DataError, choices

GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


@contextmanager
def open_text(path: Path) -> Iterator[tuple[BinaryIO, HashingFile]]:
    """The bytes of a file, unpacked if its name ends in .gz, and the file that they come from."""
    ensure_file(path)
    try:
        file = HashingFile(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with file, io.BufferedReader(file, BLOCK) as stored:
        unpacked = gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored
        yield cast(BinaryIO, unpacked), file


def open_binary(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if its name ends in .gz."""
    ensure_file(path)
    try:
        return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def ensure_file(path: Path) -> None:
    """Raise DataError unless there is a file of this name."""
    if not path.exists():
        raise DataError(
            f"{path}: no such file; give the path of a text file, absolute or from where you start"
        )
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name the file itself")


def unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be opened ({error.strerror}); check its permissions")


def iter_strict_lines(path: Path) -> Iterator[str]:
    """The lines of a text file without their line feeds and without a byte order mark.

    Raises:
        DataError: a carriage return, a NUL, bytes that are not UTF-8, a damaged .gz or an empty
            file.
    """
    with open_text(path) as (stream, _):
        yield from decoded_lines(stream, path)


def decoded_lines(stream: BinaryIO, path: Path) -> Iterator[str]:
    """The lines of an open file. Raises DataError as `iter_strict_lines`."""
    number = 0
    try:
        for number, raw in enumerate(stream, 1):
            yield decode_line(raw, path, number)
    except GZIP_ERRORS as error:
        raise DataError(
            f"{path}:{number + 1}: the gzip data is damaged; fetch the file again"
        ) from error
    if number == 0:
        raise DataError(f"{path}: is empty; at least one line is needed")


def read_strict_lines(path: Path) -> list[str]:
    return list(iter_strict_lines(path))


def count_lines(path: Path, *, max_characters: int) -> int | None:
    """The number of lines, read strictly.

    A file of more than `max_characters` is checked up to there, and the answer is None. All of it
    is hashed.
    """
    lines = characters = 0
    with open_text(path) as (stream, file):
        for line in decoded_lines(stream, path):
            lines, characters = lines + 1, characters + len(line)
            if characters > max_characters:
                file.read_rest()
                return None
    return lines


def decode_line(raw: bytes, path: Path, number: int) -> str:
    """One line as text. Raises DataError with file and line."""
    if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    if b"\r" in raw or b"\0" in raw:
        raise control_error(raw, path, number)
    try:
        return raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        hint = (
            "the file looks like UTF-16"
            if raw[:2] in (b"\xff\xfe", b"\xfe\xff")
            else f"byte {error.start + 1}"
        )
        raise DataError(
            f"{path}:{number}: is not valid UTF-8 ({hint}); convert the file: "
            "iconv -f ENCODING -t UTF-8 OLD > NEW"
        ) from error


def control_error(raw: bytes, path: Path, number: int) -> DataError:
    """The error for a line with a NUL or a carriage return."""
    if b"\0" in raw:
        return DataError(
            f"{path}:{number}: holds a NUL byte, so this is UTF-16 or no text; give UTF-8 text"
        )
    if number == 1 and raw.endswith(b"\r\n"):
        return DataError(
            f"{path}:1: lines end in carriage return and line feed; convert the file: "
            "sed 's/\\r$//' OLD > NEW"
        )
    return DataError(
        f"{path}:{number}: holds a carriage return, which some programs take for a line end; "
        "remove it from this line on both sides"
    )


def ensure_equal(source: int, target: int, names: str) -> None:
    """Refuse two sides of different numbers of lines."""
    if source != target:
        raise DataError(
            f"{names}: the sides must have the same number of lines, not {source:,} and "
            f"{target:,}; find the first line where they diverge"
        )


def read_parallel(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Two plain text files whose lines are pairs."""
    sides = read_strict_lines(source), read_strict_lines(target)
    ensure_equal(len(sides[0]), len(sides[1]), f"{source} and {target}")
    return sides


def read_tsv(path: Path, source_column: int, target_column: int) -> tuple[list[str], list[str]]:
    """Two columns, counted from 0, of tab-separated text. Quotation marks are text."""
    sides: tuple[list[str], list[str]] = ([], [])
    needed = max(source_column, target_column) + 1
    for number, line in enumerate(iter_strict_lines(path), 1):
        cells = line.split("\t")
        if len(cells) < needed:
            raise DataError(
                f"{path}:{number}: has {len(cells)} columns between tabs, but column {needed} is "
                "to be read; set data.source_column and data.target_column"
            )
        sides[0].append(cells[source_column])
        sides[1].append(cells[target_column])
    return sides


def read_jsonl(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string fields of one JSON object a line."""
    sides: tuple[list[str], list[str]] = ([], [])
    for number, line in enumerate(iter_strict_lines(path), 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}:{number}: is not JSON ({error.msg}); one object a line is needed"
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: is not a JSON object; one object a line is needed")
        for side, column in zip(sides, (source_column, target_column), strict=True):
            if column not in row:
                raise DataError(
                    f"{path}:{number}: has no field {column!r}; {choices(column, sorted(row))}"
                )
            side.append(ensure_sentence(row[column], f"{path}:{number}: {column}"))
    return sides


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    ensure_file(path)
    try:
        return list(read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({error})") from error


def read_parquet(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string columns of a Parquet file."""
    import pyarrow
    from pyarrow.parquet import read_table

    names = parquet_columns(path)
    for column in (source_column, target_column):
        if column not in names:
            raise DataError(f"{path}: has no column {column!r}; {choices(column, names)}")
    with open_text(path) as (stream, _):
        content = pyarrow.BufferReader(stream.read())
    table = read_table(content, columns=[source_column, target_column])
    if table.num_rows == 0:
        raise DataError(f"{path}: is empty; at least one row is needed")
    sides = (table.column(source_column).to_pylist(), table.column(target_column).to_pylist())
    for side, column in zip(sides, (source_column, target_column), strict=True):
        for number, value in enumerate(side, 1):
            ensure_sentence(value, f"{path}:{number}: {column}")
    return sides


def ensure_sentence(value: object, place: str) -> str:
    """A value that must be one sentence: a string without a line break."""
    if not isinstance(value, str):
        raise DataError(
            f"{place} must be a string, not {type(value).__name__}; put text there, or leave the "
            "row out"
        )
    if "\n" in value or "\r" in value or "\0" in value:
        raise DataError(f"{place} holds a line break or a NUL; a sentence must be one line of text")
    return value
