"""Marked lines are written into their translations by links, and counted."""

import sys
from pathlib import Path
from typing import Any

import pytest

from seq2seq.evaluation.markup import parse_markup
from tests.scripts.loading import imported_script

LINES = [
    "Hello big world .\tHola mundo grande .\t0-0 1-2 2-1 3-3",
    "a & b < c\tc y b < a\t0-4 2-2 4-0 1p1",
]


def test_lines_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold.tsv"
    gold.write_text("\n".join(LINES) + "\n")
    with imported_script("markup_on_lines") as script:
        monkeypatch.setattr(sys, "argv", ["script", str(gold)])
        assert script.main() == 0
        kinds = list(script.KINDS)
    printed = capsys.readouterr().out.splitlines()
    assert printed[::2] == [f"{x}, by links of the file: 2 of 2 lines well-formed" for x in kinds]
    for line in printed[1::2]:
        inside, count = line.rpartition(": ")[2].split(" of ")
        assert inside == count


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ("<b>x</b> y", None),
        ("<b>x</b>", "has not the text"),
        ("x y", "has lost tags"),
        ("<b>x y", "mismatched tag"),
    ],
)
def test_what_is_wrong_is_found(result: str, says: str | None) -> None:
    with imported_script("markup_on_lines") as script:
        found: Any = script.problem(parse_markup("<b>a</b> b"), "x y", result)
    assert found is None if says is None else says in found


def test_a_linked_word_outside_of_its_element_is_found() -> None:
    marked = parse_markup("<b>a</b> b")
    with imported_script("markup_on_lines") as script:
        links = frozenset({(0, 0), (0, 1), (1, 1)})
        assert script.linked_inside(marked, "<b>x</b> y", links) == [True, False]
