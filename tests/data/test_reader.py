"""Reading is strict: what would shift one side against the other is refused with file and line."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seq2seq.data import reader
from seq2seq.errors import DataError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_a_line_ends_at_the_newline_and_nowhere_else(tmp_path: Path, name: str) -> None:
    inside = [
        "a\u2028b",
        "c\x85d",
        "e\x0bf\x0cg\x1ch",
        "NA",
        "null",
        "",
        "  spaces  ",
        '"quoted',
        "tab\there",
    ]
    path = write(tmp_path / name, "\n".join(inside).encode())
    assert reader.read_strict_lines(path) == inside
    path = write(tmp_path / name, ("\n".join(inside) + "\n").encode())
    assert reader.read_strict_lines(path) == inside


def test_byte_order_mark_is_left_out_at_the_start_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "\ufefffirst\n\ufeffsecond\n".encode())
    assert reader.read_strict_lines(path) == ["first", "\ufeffsecond"]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", None, "is empty"),
        (b"one\ntwo\rhalf\nthree\n", 2, "carriage return"),
        (b"one\r\ntwo\r\n", 1, "convert the file: sed"),
        (b"one\ntwo\xff\nthree\n", 2, "not valid UTF-8 (byte 4)"),
        ("one\n".encode("utf-16"), 1, "UTF-16"),
        ("einsé\n".encode("latin-1"), 1, "iconv"),
    ],
)
def test_what_cannot_be_read_as_it_stands_is_refused(
    tmp_path: Path, content: bytes, line: int | None, says: str
) -> None:
    path = write(tmp_path / "text", content)
    with pytest.raises(DataError) as error:
        reader.read_strict_lines(path)
    where = str(path) if line is None else f"{path}:{line}"
    assert str(error.value).startswith(f"{where}: ")
    assert says in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        reader.read_strict_lines(tmp_path / "nothing")
    with pytest.raises(DataError, match="is not a file"):
        reader.read_strict_lines(tmp_path)


@pytest.mark.parametrize("keep", [5, 40])
def test_damaged_gzip(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"some words of text\n" * 100)[:keep])
    with pytest.raises(DataError, match=r"text\.gz:\d+: the gzip data is damaged"):
        reader.read_strict_lines(path)
    path.write_bytes(b"not gzip at all")
    with pytest.raises(DataError, match="damaged"):
        reader.read_strict_lines(path)


def test_uneven_sides_are_refused(tmp_path: Path) -> None:
    source, target = write(tmp_path / "s", b"a\nb\nc\n"), write(tmp_path / "t", b"a\nb\n")
    with pytest.raises(DataError, match="same number of lines, not 3 and 2"):
        reader.read_parallel(source, target)


def test_tsv_quotes_are_text_and_columns_are_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", b'"a\t"b\tx\nNA\tnull\ty\n1\t2\tz\n')
    assert reader.read_tsv(path, 0, 1) == (['"a', "NA", "1"], ['"b', "null", "2"])
    assert reader.read_tsv(path, 2, 0) == (["x", "y", "z"], ['"a', "NA", "1"])
    path = write(tmp_path / "a.tsv", b"a\tb\nonly one\n")
    with pytest.raises(
        DataError, match=r"a\.tsv:2: has 1 columns between tabs, but column 2 is to be read"
    ):
        reader.read_tsv(path, 0, 1)


def test_jsonl(tmp_path: Path) -> None:
    rows = [{"en": "NA", "de": "null"}, {"en": "a\u2028b", "de": "", "more": 1}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert reader.read_jsonl(path, "en", "de") == (["NA", "a\u2028b"], ["null", ""])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"en": "a"', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"en": "a", "den": "b"}', "has no field 'de'; did you mean den?"),
        ('{"en": "a", "de": null}', "must be a string, not NoneType"),
        ('{"en": "a", "de": 1}', "must be a string, not int"),
        ('{"en": "a", "de": "b\\nc"}', "holds a line break"),
    ],
)
def test_jsonl_lines_that_are_refused(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"en": "a", "de": "b"}}\n{line}\n'.encode())
    with pytest.raises(DataError) as error:
        reader.read_jsonl(path, "en", "de")
    assert str(error.value).startswith(f"{path}:2: ")
    assert says in str(error.value)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"en": ["NA", "b"], "de": ["x", None], "fr": ["c", "d"]}), path)
    assert reader.read_parquet(path, "en", "fr") == (["NA", "b"], ["c", "d"])
    with pytest.raises(DataError, match=r"a\.parquet:2: de must be a string, not NoneType"):
        reader.read_parquet(path, "en", "de")
    with pytest.raises(DataError, match="has no column 'enn'; did you mean en"):
        reader.read_parquet(path, "en", "enn")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        reader.read_parquet(path, "en", "fr")


def test_counting_stops_where_it_would_take_long(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"0123456789\n" * 10)
    assert reader.count_lines(path, max_characters=100) == 10
    assert reader.count_lines(path, max_characters=99) is None
