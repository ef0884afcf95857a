"""The script as a whole: quick to start, one message for what a user did wrong."""

import subprocess
import sys

from seq2seq import __version__
from tests.cli.conftest import Command


def test_help_and_version(command: Command) -> None:
    shown = command("--help")
    assert shown.code == 0
    for name in ("translate", "score", "align", "report", "check-data"):
        assert name in shown.out
    assert command("--version").out.strip() == __version__


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = [
        "torch",
        "lightning",
        "datasets",
        "sentencepiece",
        "sacrebleu",
        "matplotlib",
        "pandas",
        "hydra",
    ]
    code = f"import sys, seq2seq.cli.app; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_a_user_error_is_one_message_without_a_traceback(command: Command) -> None:
    ended = command("translate", "--run", "no/such/folder")
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert "no/such/folder" in ended.err
    assert "Traceback" not in ended.err
    assert command("translate").code == 2
    assert command("tranzlate").code == 2
