"""Messages that the log file or the terminal cannot take."""

import io
import logging
import sys
from pathlib import Path

import pytest

from seq2seq.folder.logs import configure_logging

logger = logging.getLogger("seq2seq.test")


def test_a_log_file_on_a_full_disk_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Path("/dev/full"))
    for message in ("one", "two"):
        logger.info(message)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("/dev/full: cannot be written ([Errno 28]")
    assert [lines[0], *lines[2:]] == ["one", "two"]


class Gone(io.StringIO):
    """A terminal whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_terminal_that_went_away_does_not_end_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train.log"
    monkeypatch.setattr(sys, "stderr", Gone())
    configure_logging(file)
    logger.info("one")
    assert file.read_text(encoding="utf-8").endswith("INFO one\n")
