"""Standard streams that cannot take what is written."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.cli import streams
from seq2seq.cli.outermost import explained_errors
from seq2seq.cli.streams import BROKEN_PIPE, CLOSED, Output
from seq2seq.errors import DataError


@pytest.fixture
def broken() -> Iterator[int]:
    """A pipe whose reader went away."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def text_stream(descriptor: int, *, needed: bool, encoding: str = "utf-8") -> io.TextIOWrapper:
    raw = Output(descriptor, "standard output", needed=needed)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace")


def put(monkeypatch: pytest.MonkeyPatch, name: str, descriptor: int) -> None:
    """Let a standard stream of this process be a descriptor."""
    stream = None if descriptor == CLOSED else text_stream(descriptor, needed=False)
    monkeypatch.setattr(sys, name, stream)


@pytest.fixture
def full() -> Iterator[int]:
    with Path("/dev/full").open("wb") as file:
        yield file.fileno()


def test_a_reader_that_went_away_ends_a_command_silently(
    broken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(monkeypatch, "stdout", broken)
    with pytest.raises(SystemExit) as ended, explained_errors(prints_result=True):
        print("a line" * 10_000)
    assert ended.value.code == BROKEN_PIPE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("place", ["full", "closed"])
def test_a_result_that_cannot_be_written(
    place: str, full: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(monkeypatch, "stdout", full if place == "full" else CLOSED)
    with pytest.raises(SystemExit) as ended, explained_errors(prints_result=True):
        print("a line")
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("error: standard output: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("place", ["full", "closed", "broken"])
def test_messages_that_cannot_be_written_are_dropped(
    name: str, place: str, full: int, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, name, {"full": full, "closed": CLOSED, "broken": broken}[place])
    steps = []
    with explained_errors(prints_result=False):
        for step in range(3):
            print("a line" * 10_000, file=getattr(sys, name), flush=True)
            steps.append(step)
    assert steps == [0, 1, 2]


def test_an_error_that_cannot_be_told_keeps_its_exit_code(
    full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "stderr", full)
    with pytest.raises(SystemExit) as ended, explained_errors(prints_result=True):
        raise DataError("a file; a remedy")
    assert ended.value.code == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "gbk"])
def test_what_an_encoding_lacks_is_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    stream = text_stream(writing, needed=False, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with explained_errors(prints_result=False):
        print("a \N{SNOWMAN} \U0001f600")
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == "a \N{SNOWMAN} \U0001f600\n".encode(encoding, "backslashreplace")


def test_a_stream_that_does_not_wait_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []

    def write(descriptor: int, data: memoryview) -> int:
        if len(taken) % 2:
            taken.append(b"")
            raise BlockingIOError(errno.EAGAIN, "not now")
        taken.append(bytes(data[:3]))
        return len(taken[-1])

    monkeypatch.setattr(streams.os, "write", write)
    monkeypatch.setattr(streams.select, "select", lambda *_: None)
    assert Output(1, "standard output", needed=True).write(b"abcdefgh") == 8
    assert b"".join(taken) == b"abcdefgh"


def test_no_file_is_opened_as_a_closed_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def fstat(descriptor: int) -> None:
        if descriptor == 1:
            raise OSError(errno.EBADF, "closed")

    with monkeypatch.context() as patch:
        patch.setattr(streams.os, "fstat", fstat)
        patch.setattr(streams.os, "open", lambda path, _: opened.append(path) or 1)
        patch.setattr(streams.os, "set_inheritable", lambda *_: None)
        streams.keep_descriptors()
    assert opened == [os.devnull]
