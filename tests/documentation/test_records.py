"""Rows of records name what the rules ask for, and a ledger that misses it gives no row."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.bench_runs.test_seed_test import ledger
from tests.documentation.pages import ROOT
from tests.scripts.loading import imported_script

PAGE = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
TITLES = "date | what changed | minutes | seeds | validation BLEU | test BLEU | machine | commit"
SCORE = r"\d+\.\d+ ± \d+\.\d+"
CELLS = (
    *(r"\d{4}-\d\d-\d\d", r"\S.*", r"\d+\.\d", r"([3-9]|\d\d+)", SCORE, SCORE, r"\S.*"),
    *(r"[0-9a-f]{7,40}", r"`(seq2seq|python) .+`"),
)


def record_rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables of records, the lines of titles left out."""
    tables = page.split(f"| {TITLES} | command |\n")[1:]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for table in tables
        for line in table.split("\n\n")[0].splitlines()[1:]
    ]


def row_problems(cells: list[str]) -> list[str]:
    if len(cells) != len(CELLS):
        return [f"{len(cells)} cells"]
    pairs = zip(CELLS, cells, strict=True)
    return [cell for pattern, cell in pairs if not re.fullmatch(pattern, cell)]


def test_each_record_names_date_command_commit_machine_time_and_score() -> None:
    assert PAGE.count(TITLES) == 2
    assert [problem for cells in record_rows(PAGE) for problem in row_problems(cells)] == []


@pytest.fixture
def three(tmp_path: Path) -> Any:
    table = ledger(tmp_path, fast=[30.0, 31.0, 32.0])
    table.settings["fast"]["planned"] = ["model=tiny", "batch_transforms=[word_dropout]"]
    for run in table.finished("fast"):
        facts = {"machine": "a processor, 2 cores", "runs_at_once": 1}
        run.update(ended="2026-01-31T12:00:00", test={"bleu": 40.0}, **facts)
    return table


def test_a_row_of_a_ledger_is_one_of_the_page(three: Any) -> None:
    with imported_script("record_row") as script:
        assert list(script.missed_rules(three, "fast")) == []
        row = script.row(three, "fast", "smaller batches")
    table = f"| {TITLES} | command |\n| --- |\n{row}\n\n"
    (cells,) = record_rows(table)
    assert row_problems(cells) == []
    assert cells[:4] == ["2026-01-31", "smaller batches", "1.0", "3"]
    assert cells[-1] == "`seq2seq train model=tiny 'batch_transforms=[word_dropout]'`"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "failed"}, "a record has at least 3 seeds, fast has 2"),
        ({"test": None}, "the test split has not been read for every seed"),
        ({"runs_at_once": 2}, "several runs were trained at once"),
        ({"machine": "another"}, "all seeds are trained on one machine"),
        ({"code": [{"sha256": "c", "commit": "c" * 40}]}, "all seeds are of one commit"),
        ({"training": {"step_seconds": None}}, "the runs do not tell the seconds"),
    ],
)
def test_what_the_rules_miss_is_said(three: Any, change: dict[str, Any], message: str) -> None:
    run = three.run("fast", 2)
    run |= change
    if run["test"] is None:
        del run["test"]
    with imported_script("record_row") as script:
        (rule,) = script.missed_rules(three, "fast")
    assert rule.startswith(message)


def test_rows_that_miss_something_are_seen() -> None:
    assert row_problems(["2026-01-31", "x"]) == ["2 cells"]
    cells = ["2026-01-31", "x", "9.1", "2", "1.0 ± 0.1", "1.0 ± 0.1", "m", "abc", "`make`"]
    assert row_problems(cells) == ["2", "abc", "`make`"]
