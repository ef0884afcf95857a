"""Text that a model mostly does not know has a caution, also in another Unicode normal form."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command

COMPOSED = "the é dog ü"
LINES = ["the dog", "жук шум дом", "the ж dog runs over the field", COMPOSED]


@pytest.mark.parametrize("name", ["translate", "score", "align"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unknown_text_is_said(
    command: Command, run: Path, write: Callable[[str, str], Path], name: str, form: str
) -> None:
    text = unicodedata.normalize(form, "".join(f"{line}\n" for line in LINES))
    plain = write("plain", "the dog\n" * len(LINES))
    files = [write("text", text), plain][: 1 if name == "translate" else 2]
    done = command(name, "--run", run, *files, "--device", "cpu")
    assert done.code == 0
    assert len(done.out.splitlines()) == len(LINES)
    side = "" if name == "translate" else " of the source"
    assert f"1 line{side} mostly of characters that the model does not know, such as ж" in (
        done.err.replace("жук", "ж")
    )
    converted = "another Unicode normal form; convert the text to NFC"
    assert (converted in done.err) is (form == "NFD")
    assert "of the target" not in done.err


def test_known_text_has_no_caution(
    command: Command, run: Path, write: Callable[[str, str], Path]
) -> None:
    text = write("text", f"the dog\n\n{COMPOSED}\nthe ж dog runs over the field\n")
    done = command("translate", "--run", run, text, "--device", "cpu")
    assert "does not know" not in done.err and "normal form" not in done.err
