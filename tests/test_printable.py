"""Names and contents of files never steer a terminal."""

import logging
from pathlib import Path

import pytest

from seq2seq.cli.outermost import explained_errors
from seq2seq.errors import DataError
from seq2seq.folder.logs import configure_logging
from seq2seq.printable import printable

STEERING = {
    "\x1b[2J": "\\x1b[2J",  # clears the screen
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "a\rb": "a\\rb",  # overwrites the line
    "a\x08b": "a\\x08b",
    "\x9b31m": "\\x9b31m",  # an escape sequence in one character
    "\x7f": "\\x7f",
    "\u202egnp.exe": "\\u202egnp.exe",  # shows a name backwards
    "a\u2028b": "a\\u2028b",
    "\ufeffa": "\\ufeffa",
    "a\ud800": "a\\ud800",
    "\U000e0041": "\\U000e0041",
}


@pytest.mark.parametrize("text", STEERING)
def test_what_steers_a_terminal_is_escaped(text: str) -> None:
    assert printable(text) == STEERING[text]


@pytest.mark.parametrize(
    "text", ["", "two\n\tlines", "Äußerung ½", "می\u200cخواهم", "क्\u200dष", "日本語"]
)
def test_text_of_any_script_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", STEERING)
def test_log_lines_are_printable(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(tmp_path / "train.log")
    try:
        raise DataError(f"message {text}")
    except DataError:
        logging.getLogger("seq2seq.run").warning("name %s", text, exc_info=True)
    finally:
        configure_logging()
    for shown in (capsys.readouterr().err, (tmp_path / "train.log").read_text(encoding="utf-8")):
        assert f"name {STEERING[text]}\n" in shown
        assert f"message {STEERING[text]}\n" in shown
        assert text not in shown


@pytest.mark.parametrize("text", STEERING)
def test_errors_of_commands_are_printable(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), explained_errors(prints_result=False):
        raise DataError(f"{text}: is no file")
    assert capfd.readouterr().err == f"error: {STEERING[text]}: is no file\n"
