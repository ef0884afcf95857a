"""Strict reading of text: a line ends at a line feed only, so that line n of both sides is a pair.

Python's universal newlines, `str.splitlines`, the csv module and most dataset readers also break
or merge lines at characters inside sentences, or read the word NA as nothing. Here, text that
cannot be read exactly is refused with file and line. All text of users is read here, compressed or
not, from files, pipes or standard input. Regular files are hashed while they are read.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from seq2seq.data.compression import DAMAGE, Compression, damaged, unpacked
from seq2seq.data.storage import BLOCK, HashingFile
from seq2seq.errors import DataError
from seq2seq.paths import STANDARD_INPUT

STDIN = Path(STANDARD_INPUT)
MAX_LINE_BYTES = 1 << 24  # so that a file without line feeds cannot fill the memory
UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_opened: object = None  # the standard input that has been opened


@dataclass(frozen=True)
class OpenText:
    """A file of text that is open.

    Attributes:
        name: in messages.
        stream: its bytes, unpacked.
        compression: what they were unpacked from.
        stored: the regular file that they come from.
    """

    name: str
    stream: BinaryIO
    compression: Compression | None
    stored: HashingFile | None = None

    def raw_lines(self) -> Iterator[bytes]:
        """Lines with their line feeds, lines that cannot be decoded among them.

        Raises:
            DataError: a line is longer than MAX_LINE_BYTES, or compressed data is damaged.
        """
        number = 0
        try:
            while line := self.stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise DataError(
                        f"{self.name}:{number}: is longer than {MAX_LINE_BYTES >> 20} MiB; a line "
                        "must be one sentence, ended by a line feed"
                    )
                yield line
        except DAMAGE as error:
            raise damaged(self.name, number + 1, self.compression, error) from error

    def lines(self, *, strict: bool = True) -> Iterator[str]:
        """Lines without line feeds and without a byte order mark; see `text_lines`."""
        for number, line in enumerate(self.raw_lines(), 1):
            yield decode_line(line, self.name, number, strict=strict)


@contextmanager
def open_text(path: Path) -> Iterator[OpenText]:
    """Open a file of text, unpacked if it is compressed; "-" is standard input.

    Raises:
        DataError: there is no such file, or it cannot be opened.
    """
    if path == STDIN:
        stream, compression = unpacked(standard_input().read1, "<stdin>")
        yield OpenText("<stdin>", stream, compression)
        return
    name = str(path)
    if path.is_dir() or not path.exists():
        ensure_file(path)
    try:
        file = HashingFile(path) if path.is_file() else io.FileIO(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        stream, compression = unpacked(file.read, name)
        yield OpenText(name, stream, compression, file if isinstance(file, HashingFile) else None)


def standard_input() -> io.BufferedReader:
    """The bytes of standard input. Raises DataError if it is closed, or was asked for before."""
    global _opened
    if sys.stdin is None:
        raise DataError("standard input is closed; name files, or give it text: < FILE")
    if sys.stdin is _opened:
        raise DataError("-: standard input can be read once only, but is named twice; give a file")
    _opened = sys.stdin
    return cast(io.BufferedReader, sys.stdin.buffer)


def ensure_file(path: Path) -> None:
    """Raise DataError unless there is a file of this name, which can be read more than once."""
    if path == STDIN:
        raise DataError("-: standard input can be read once only; give the path of a text file")
    if not path.exists():
        raise DataError(
            f"{path}: no such file; give the path of a text file, absolute or from where you start"
        )
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name the file itself")


def unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be opened ({error.strerror}); check its permissions")


def text_lines(path: Path, *, strict: bool = True) -> Iterator[str]:
    """The lines of a file of text without their line feeds and without a byte order mark.

    Args:
        strict: also refuse carriage returns, NUL and a file without lines. Otherwise they are text.

    Raises:
        DataError: text that is not UTF-8, or what `strict` refuses; with file and line.
    """
    with open_text(path) as file:
        empty = True
        for line in file.lines(strict=strict):
            empty = False
            yield line
        if strict and empty:
            raise DataError(f"{file.name}: is empty; at least one line is needed")


def read_strict_lines(path: Path) -> list[str]:
    """All lines of a file, read strictly. Raises as `text_lines`."""
    if path.is_file():
        with suppress(ValueError, DataError, *DAMAGE):  # told below, with file and line
            return lines_of_blocks(path)
    return list(text_lines(path))


def lines_of_blocks(path: Path) -> list[str]:
    """The same for a file without faults, many lines at a time.

    Raises:
        ValueError, DataError, DAMAGE: there may be a fault somewhere in it.
    """
    lines: list[str] = []
    rest = b""
    with open_text(path) as file:
        while block := file.stream.read(BLOCK):
            if b"\r" in block or b"\0" in block or len(rest) > MAX_LINE_BYTES - BLOCK:
                raise ValueError("a control character, or a long line")
            whole, feed, end = block.rpartition(b"\n")
            if not feed:
                rest += block
                continue
            first = not lines
            whole = (rest + whole).removeprefix(UTF8_MARK) if first else rest + whole
            lines += whole.decode().split("\n")
            rest = end
        if rest:
            lines.append((rest if lines else rest.removeprefix(UTF8_MARK)).decode())
    if not lines:
        raise ValueError("no line")
    return lines


def count_lines(path: Path, *, max_characters: int) -> int | None:
    """The number of lines, read strictly.

    A file of more than `max_characters` is checked up to there, and the answer is None. All of it
    is hashed.
    """
    lines = characters = 0
    with open_text(path) as file:
        for line in file.lines():
            lines, characters = lines + 1, characters + len(line)
            if characters > max_characters:
                break
        if file.stored is not None:
            file.stored.read_rest()
    if lines == 0:
        raise DataError(f"{path}: is empty; at least one line is needed")
    return None if characters > max_characters else lines


def decode_line(raw: bytes, name: str, number: int, *, strict: bool = True) -> str:
    """One line as text, its line feed and byte order mark left out.

    Raises:
        DataError: it is not UTF-8, or what `strict` refuses (see `text_lines`); with file and line.
    """
    if number == 1:
        ensure_not_utf16(raw, name)
        raw = raw.removeprefix(UTF8_MARK)
    if strict and (b"\r" in raw or b"\0" in raw):
        raise control_error(raw, name, number)
    try:
        return raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}:{number}: is not valid UTF-8 ({reason(raw, error.start)}); convert the text: "
            "iconv -f ENCODING -t UTF-8 OLD > NEW"
        ) from error


def reason(raw: bytes, place: int) -> str:
    """What is wrong with the bytes of a line from a place on."""
    if raw[place] == 0xED and len(raw) > place + 1 and raw[place + 1] >= 0xA0:
        return f"half a surrogate pair at byte {place + 1}"
    return f"byte {place + 1}"


def ensure_not_utf16(first: bytes, name: str) -> None:
    """Refuse text whose first line shows that it is UTF-16 or UTF-32."""
    zeros = [place % 2 for place, byte in enumerate(first[:64]) if byte == 0]
    alternate = len(zeros) > 1 and len(set(zeros)) == 1 and len(zeros) >= len(first[:64]) // 4
    if first.startswith(UTF16_MARKS) or alternate:
        raise DataError(
            f"{name}:1: is UTF-16, not UTF-8; convert the file: iconv -f UTF-16 -t UTF-8 OLD > NEW"
        )


def control_error(raw: bytes, name: str, number: int) -> DataError:
    """The error for a line with a NUL or a carriage return."""
    if b"\0" in raw:
        return DataError(f"{name}:{number}: holds a NUL byte, so this is no text; give UTF-8 text")
    if number == 1 and raw.endswith(b"\r\n"):
        return DataError(
            f"{name}:1: lines end in carriage return and line feed; convert the file: "
            "sed 's/\\r$//' OLD > NEW"
        )
    return DataError(
        f"{name}:{number}: holds a carriage return, which some programs take for a line end; "
        "remove it from this line on both sides"
    )
