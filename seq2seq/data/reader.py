"""Pairs in files of text: two plain files, or one of tab-separated, JSONL or Parquet columns."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from seq2seq.data.storage import HashingFile
from seq2seq.data.text_files import ensure_file, read_strict_lines, text_lines
from seq2seq.errors import DataError, choices

MAX_NAMES, MAX_NAME = 20, 40  # fields of a row that a message shows, and characters of each


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
    rows = [
        parse_tsv(line, f"{path}:{number}", source_column, target_column)
        for number, line in enumerate(text_lines(path), 1)
    ]
    return [source for source, _ in rows], [target for _, target in rows]


def parse_tsv(line: str, place: str, source_column: int, target_column: int) -> tuple[str, str]:
    """Two cells of a line. Raises DataError if it has fewer."""
    cells = line.split("\t")
    needed = max(source_column, target_column) + 1
    if len(cells) < needed:
        raise DataError(
            f"{place}: has {len(cells)} columns between tabs, but column {needed} is to be read; "
            "set data.source_column and data.target_column"
        )
    return cells[source_column], cells[target_column]


def read_jsonl(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string fields of one JSON object a line."""
    rows = [
        parse_jsonl(line, f"{path}:{number}", source_column, target_column)
        for number, line in enumerate(text_lines(path), 1)
    ]
    return [source for source, _ in rows], [target for _, target in rows]


def parse_jsonl(line: str, place: str, source_column: str, target_column: str) -> tuple[str, str]:
    """Two fields of the object of a line. Raises DataError if they are no sentences."""
    row = parse_row(line, place)
    for column in (source_column, target_column):
        if column not in row:
            names = [name[:MAX_NAME] for name in sorted(row)[:MAX_NAMES]]
            raise DataError(f"{place}: has no field {column!r}; {choices(column, names)}")
        ensure_sentence(row[column], f"{place}: {column}")
    return row[source_column], row[target_column]


def parse_row(line: str, place: str) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        DataError: it is none, names a field twice, or is nested too deeply.
    """
    try:
        row = json.loads(line, object_pairs_hook=unique_fields)
    except RecursionError:
        raise DataError(f"{place}: is nested too deeply; give one flat object a line") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise DataError(f"{place}: is not JSON ({reason}); one object a line is needed") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: is not a JSON object; one object a line is needed")
    return row


def unique_fields(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError if it names a field twice."""
    row = dict(fields)
    if len(row) < len(fields):
        ((twice, _),) = Counter(name for name, _ in fields).most_common(1)
        raise ValueError(f"the field {twice[:MAX_NAME]!r} is there twice")
    return row


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    ensure_file(path)
    try:
        return list(read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise DataError(
            f"{path}: is not a readable Parquet file ({error}); write it again"
        ) from error


def read_parquet(path: Path, source_column: str, target_column: str) -> tuple[list[str], list[str]]:
    """Two string columns of a Parquet file."""
    import pyarrow
    from pyarrow.parquet import read_table

    names, columns = parquet_columns(path), [source_column, target_column]
    for column in columns:
        if names.count(column) != 1:
            held = f"several columns {column!r}" if column in names else f"no column {column!r}"
            raise DataError(f"{path}: has {held}; {choices(column, names[:MAX_NAMES])}")
    try:
        with HashingFile(path) as file:
            content = pyarrow.BufferReader(file.read())
        table = read_table(content, columns=columns)
        sides = (table.column(source_column).to_pylist(), table.column(target_column).to_pylist())
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read up to its end ({error}); write it again"
        ) from error
    if table.num_rows == 0:
        raise DataError(f"{path}: is empty; at least one row is needed")
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
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place} holds half a surrogate pair (character {error.start + 1}), which is no text; "
            "correct it, or leave the row out"
        ) from error
    return value
