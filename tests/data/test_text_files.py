"""Text is read strictly, and alike whatever it is packed in and wherever it comes from."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from seq2seq.data import text_files
from seq2seq.data.compression import COMPRESSIONS, Compression
from seq2seq.errors import DataError
from tests.packing import packed

ENDINGS = ("", *(item for kind in COMPRESSIONS for item in (kind.suffix, kind.suffix.upper())))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(packed(content, path.suffix))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_line_ends_at_the_newline_and_nowhere_else(tmp_path: Path, ending: str) -> None:
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
    path = write(tmp_path / f"a{ending}", "\n".join(inside).encode())
    assert text_files.read_strict_lines(path) == inside
    path = write(tmp_path / f"a{ending}", ("\n".join(inside) + "\n").encode())
    assert text_files.read_strict_lines(path) == inside


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
@pytest.mark.parametrize("text", ["a", "a\n", "\n", "\n\nä\n", "\ufeffa b\n\nçc\n\n", "\ufeff"])
def test_reading_in_blocks_is_reading_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    monkeypatch.setattr(text_files, "BLOCK", block)
    path = write(tmp_path / "a", text.encode())
    assert text_files.lines_of_blocks(path) == list(text_files.text_lines(path))


def test_byte_order_mark_is_left_out_at_the_start_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "\ufefffirst\n\ufeffsecond\n".encode())
    assert text_files.read_strict_lines(path) == ["first", "\ufeffsecond"]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", None, "is empty"),
        (b"one\ntwo\rhalf\nthree\n", 2, "carriage return"),
        (b"one\r\ntwo\r\n", 1, "convert the file: sed"),
        (b"one\ntwo\xff\nthree\n", 2, "not valid UTF-8 (byte 4)"),
        (b"one\nt\0wo\n", 2, "NUL"),
        ("one\n".encode("utf-16"), 1, "is UTF-16, not UTF-8"),
        ("one\n".encode("utf-16-be"), 1, "is UTF-16, not UTF-8"),
        ("日本語\n".encode("utf-16"), 1, "is UTF-16, not UTF-8"),
        (b"one\nx \xed\xa0\x80\n", 2, "half a surrogate pair at byte 3"),
        (b"PK\x03\x04 and more", None, "is a zip archive, not text; unpack it first"),
        ("einsé\n".encode("latin-1"), 1, "iconv"),
    ],
)
def test_what_cannot_be_read_as_it_stands_is_refused(
    tmp_path: Path, content: bytes, line: int | None, says: str
) -> None:
    path = write(tmp_path / "text", content)
    with pytest.raises(DataError) as error:
        text_files.read_strict_lines(path)
    where = str(path) if line is None else f"{path}:{line}"
    assert str(error.value).startswith(f"{where}: ")
    assert says in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        text_files.read_strict_lines(tmp_path / "nothing")
    with pytest.raises(DataError, match="is not a file"):
        text_files.read_strict_lines(tmp_path)


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=lambda kind: kind.name)
def test_damage_is_named_with_file_and_line(tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / f"text{compression.suffix}"
    text = "".join(f"line {number} of a text\n" for number in range(20_000)).encode()
    whole = packed(text, compression.suffix)
    for keep in (len(whole) // 2, len(whole) - 3, 12):
        path.write_bytes(whole[:keep])
        message = (
            rf"text\{compression.suffix}:\d+: the {compression.name} data is damaged or cut off"
        )
        with pytest.raises(DataError, match=message):
            text_files.read_strict_lines(path)
    path.write_bytes(b"nothing of the kind\n")
    with pytest.raises(DataError, match=f"its name is that of {compression.name} data"):
        text_files.read_strict_lines(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        text_files.read_strict_lines(path)


def test_packed_text_is_recognised_whatever_its_name(tmp_path: Path) -> None:
    for compression in COMPRESSIONS:
        (tmp_path / "text.en").write_bytes(packed(b"a\nb\n", compression.suffix))
        assert text_files.read_strict_lines(tmp_path / "text.en") == ["a", "b"]
    for plain in ("BZh9 is text", "(\u00b5/ too", "B"):
        assert text_files.read_strict_lines(write(tmp_path / "text.en", plain.encode())) == [plain]


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "MAX_LINE_BYTES", 1 << 20)
    path = write(tmp_path / "a.gz", b"short\n" + bytes(range(65, 91)) * 50_000)
    with pytest.raises(DataError, match=r"a\.gz:2: is longer than 1 MiB"):
        text_files.read_strict_lines(path)
    with pytest.raises(DataError, match=r"/dev/zero:1: is longer"):
        text_files.read_strict_lines(Path("/dev/zero"))


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_pipes_and_standard_input_are_read_as_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    content = packed(b"\xef\xbb\xbfa\nb\n", ending)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert text_files.read_strict_lines(Path("-")) == ["a", "b"]
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert text_files.read_strict_lines(tmp_path / "pipe") == ["a", "b"]
    writer.join()


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    assert text_files.read_strict_lines(Path("-")) == ["a"]
    with pytest.raises(DataError, match="read once only, but is named twice"):
        text_files.read_strict_lines(Path("-"))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        text_files.read_strict_lines(Path("-"))


def test_a_line_that_is_typed_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as typed:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(typed))
        lines = text_files.text_lines(Path("-"))
        for line in ("B", "BZ", "longer line"):
            os.write(writer, f"{line}\n".encode())
            assert next(lines) == line
        os.close(writer)
        assert list(lines) == []


def test_carriage_returns_and_nul_are_text_where_lines_need_no_pairs(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"a\rb\r\nnul\0\n")
    assert list(text_files.text_lines(path, strict=False)) == ["a\rb\r", "nul\0"]
    path = write(tmp_path / "a", "a\nb\n".encode("utf-16"))
    with pytest.raises(DataError, match="a:1: is UTF-16"):
        list(text_files.text_lines(path, strict=False))
    assert list(text_files.text_lines(write(tmp_path / "a", b""), strict=False)) == []


def test_counting_stops_where_it_would_take_long(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"0123456789\n" * 10)
    assert text_files.count_lines(path, max_characters=100) == 10
    assert text_files.count_lines(path, max_characters=99) is None
