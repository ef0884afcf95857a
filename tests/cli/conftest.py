"""Commands run in this process: arguments and bytes in, exit code and bytes out."""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from seq2seq.cli.main import main
from seq2seq.data.tokenizers import Tokenizers
from tests.results.bundles import make_run, train_tokenizers


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


Command = Callable[..., Finished]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Command]:
    """command("translate", "--run", DIR, stdin=b"..."): how it ended and what it wrote."""

    def run(*arguments: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr(sys, "argv", ["seq2seq", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        written = capsysbinary.readouterr()
        return Finished(code, written.out.decode(), written.err.decode())

    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield run
    package.handlers[:], package.level, package.propagate = before


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "one", tokenizers)


@pytest.fixture(scope="session")
def other_run(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "other", tokenizers, seed=2)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """write("name", text): a file of it."""

    def file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file
