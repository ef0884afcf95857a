"""Reading is strict: what would shift one side against the other is refused with file and line."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seq2seq.data import reader
from seq2seq.errors import DataError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


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
        ('{"en": "a", "de": ["b"]}', "must be a string, not list"),
        ('{"en": "a", "de": "b", "de": "c"}', "the field 'de' is there twice"),
        ('{"en": "a", "de": "\\ud800"}', "holds half a surrogate pair (character 1)"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"en": ' * 200_000, "is nested too deeply"),
        ('{"en": ' + "1" * 5000 + "}", "is not JSON"),
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
    pq.write_table(pa.table([["a"], ["b"]], names=["en", "en"]), path)
    with pytest.raises(DataError, match="has several columns 'en'"):
        reader.read_parquet(path, "en", "en")
    pq.write_table(pa.table({"en": ["word " * 500], "fr": ["x"]}), path, compression="none")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"word ", b"\xff\xff\xff\xff\xff"))
    with pytest.raises(DataError, match="cannot be read up to its end"):
        reader.read_parquet(path, "en", "fr")
    path.write_bytes(content[:-9])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        reader.read_parquet(path, "en", "fr")
