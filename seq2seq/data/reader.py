"""Strict reading of text: a line ends at "\\n" and nowhere else, so that line n of one side is line n of the other.

Python's universal newlines, `str.splitlines`, the csv module and most dataset readers break lines or merge them at
characters that stand inside sentences, and turn the word NA into nothing. Nothing of that happens here; what cannot be
read as it stands is refused with file and line.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from seq2seq.errors import DataError, choices


def open_binary(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if its name ends in .gz."""
    if not path.exists():
        raise DataError(
            f"{path}: no such file; give the path of a text file, absolute or from where you start"
        )
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name the file itself")
    try:
        return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be opened ({error.strerror}); check its permissions"
        ) from error


def iter_lines(path: Path) -> Iterator[str]:
    """The lines of a text file without their "\\n". A byte order mark at the start is left out.

    Raises:
        DataError: a carriage return, a NUL, bytes that are not UTF-8, a damaged .gz or an empty file.
    """
    number = 0
    with open_binary(path) as handle:
        try:
            for number, raw in enumerate(handle, 1):
                yield decode_line(raw, path, number)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{path}:{number + 1}: the gzip data is damaged; fetch the file again"
            ) from error
    if number == 0:
        raise DataError(f"{path}: is empty; at least one line is needed")


def count_lines(path: Path, *, max_characters: int) -> int | None:
    """The number of lines, read strictly; None if there are more characters than that, and then those are checked."""
    lines = characters = 0
    for line in iter_lines(path):
        lines, characters = lines + 1, characters + len(line)
        if characters > max_characters:
            return None
    return lines


def decode_line(raw: bytes, path: Path, number: int) -> str:
    if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    if b"\r" in raw or b"\0" in raw:
        refuse_control(raw, path, number)
    try:
        return raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        hint = (
            "the file looks like UTF-16"
            if raw[:2] in (b"\xff\xfe", b"\xfe\xff")
            else f"byte {error.start + 1}"
        )
        raise DataError(
            f"{path}:{number}: is not valid UTF-8 ({hint}); convert the file: iconv -f ENCODING -t UTF-8 OLD > NEW"
        ) from error


def refuse_control(raw: bytes, path: Path, number: int) -> None:
    if b"\0" in raw:
        raise DataError(
            f"{path}:{number}: holds a NUL byte, so this is UTF-16 or no text at all; give UTF-8 text"
        )
    if number == 1 and raw.endswith(b"\r\n"):
        raise DataError(
            f"{path}:1: lines end in carriage return and line feed; convert the file: sed 's/\\r$//' OLD > NEW"
        )
    raise DataError(
        f"{path}:{number}: holds a carriage return, which some programs count as a line end; remove it from this line "
        "on both sides alike"
    )


def read_lines(path: Path) -> list[str]:
    return list(iter_lines(path))


def require_equal(source: int, target: int, where: str) -> None:
    """Refuse two sides of different length."""
    if source != target:
        raise DataError(
            f"{where}: the sides must have as many lines as each other, but have {source:,} and {target:,}; "
            "find the line where they part"
        )


def read_parallel(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Two plain text files, line by line each other's translation."""
    pair = read_lines(source), read_lines(target)
    require_equal(len(pair[0]), len(pair[1]), f"{source} and {target}")
    return pair


def read_tsv(path: Path, source_column: int, target_column: int) -> tuple[list[str], list[str]]:
    """Two columns, counted from 0, of tab-separated text. Quotation marks are text like any other."""
    sides: tuple[list[str], list[str]] = ([], [])
    needed = max(source_column, target_column) + 1
    for number, line in enumerate(iter_lines(path), 1):
        cells = line.split("\t")
        if len(cells) < needed:
            raise DataError(
                f"{path}:{number}: has {len(cells)} columns between tabs; column {needed} is asked for"
            )
        sides[0].append(cells[source_column])
        sides[1].append(cells[target_column])
    return sides


def read_jsonl(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string fields of one JSON object a line."""
    sides: tuple[list[str], list[str]] = ([], [])
    for number, line in enumerate(iter_lines(path), 1):
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
            side.append(require_sentence(row[column], f"{path}:{number}: {column}"))
    return sides


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    open_binary(path).close()
    try:
        return list(read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({error})") from error


def read_parquet(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string columns of a Parquet file."""
    from pyarrow.parquet import read_table

    names = parquet_columns(path)
    for column in (source_column, target_column):
        if column not in names:
            raise DataError(f"{path}: has no column {column!r}; {choices(column, names)}")
    table = read_table(path, columns=[source_column, target_column])
    if table.num_rows == 0:
        raise DataError(f"{path}: is empty; at least one row is needed")
    sides = (table.column(source_column).to_pylist(), table.column(target_column).to_pylist())
    for side, column in zip(sides, (source_column, target_column), strict=True):
        for number, value in enumerate(side, 1):
            require_sentence(value, f"{path}:{number}: {column}")
    return sides


def require_sentence(value: object, where: str) -> str:
    """A value that is to be one sentence: a string without a line break."""
    if not isinstance(value, str):
        raise DataError(
            f"{where} must be a string, but is {type(value).__name__}; put text there or leave the row out"
        )
    if "\n" in value or "\r" in value or "\0" in value:
        raise DataError(f"{where} holds a line break or a NUL; a sentence must be one line of text")
    return value
