"""The page as a file: what it holds, and that hostile names stay text."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.runs_report.page import write_page
from seq2seq.runs_report.pictures import Place, pareto_front, pictures_of
from seq2seq.runs_report.report import RunsReport, read_places
from seq2seq.runs_report.table import RunsTable, runs_table
from seq2seq.runs_report.texts import table_rows
from tests.report.pages import ATTACK


@pytest.fixture(scope="module")
def table(sweep: Path, few_trials: None) -> RunsTable:
    return runs_table(read_places(RunsReport([sweep])).runs, baseline="default")


def data_of(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert match is not None
    content: dict[str, Any] = json.loads(match[1])
    return content


def test_the_page_says_what_the_table_says(table: RunsTable, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    write_page(path, table, title="sweep", command="seq2seq report runs sweep")
    data = data_of(path)
    _, *lines = table_rows(table)
    for line, row in zip(lines, data["rows"], strict=True):
        cells = [f"{c['text']} {c.get('spread', '')}".strip() for c in row["cells"]]
        assert [row["label"], *cells] == line
        for run in row["runs"]:
            assert (path.parent / run["link"] / "model").is_dir()
            assert run["origin"]["command"].startswith("seq2seq train")
    assert len(data["columns"]) == len(data["rows"][0]["cells"])


def test_names_stay_text(table: RunsTable, tmp_path: Path) -> None:
    rows = [replace(row, label=f"{ATTACK} {number}") for number, row in enumerate(table.rows)]
    path = tmp_path / "a.html"
    write_page(path, RunsTable(rows, table.columns), title=ATTACK, command=ATTACK)
    text = path.read_text(encoding="utf-8")
    assert ATTACK not in text
    assert text.count("<script") == 2
    assert [row["label"] for row in data_of(path)["rows"]] == [row.label for row in rows]


def test_pictures_show_every_run_and_are_equal_for_equal_content(table: RunsTable) -> None:
    pictures = list(pictures_of(table))
    titles = [picture.title for picture in pictures]
    assert any(title.startswith("BLEU against decoding state") for title in titles)
    assert {"validation loss, every seed", "training loss, every seed"} <= set(titles)
    assert [picture.svg for picture in pictures_of(table)] == [p.svg for p in pictures]
    curves = next(p for p in pictures if p.title.startswith("training loss"))
    assert len(re.findall(r'<g id="line2d_\d+">\s*<path d="[^"]+" clip-path', curves.svg)) >= 7
    for row in table.rows:
        assert row.label in curves.svg


def test_the_front_is_what_nothing_surpasses() -> None:
    places = [
        Place(name, cost, quality)
        for name, cost, quality in (
            *(("a", 1.0, 10.0), ("b", 2.0, 9.0), ("c", 3.0, 12.0)),
            *(("d", 3.0, 11.0), ("e", 4.0, 12.0)),
        )
    ]
    assert [p.label for p in pareto_front(places, more_is_better=False)] == ["a", "c"]
    assert [p.label for p in pareto_front(places, more_is_better=True)] == ["e"]
    faster = [*places, Place("f", 9.0, 1.0)]
    assert [p.label for p in pareto_front(faster, more_is_better=True)] == ["f", "e"]
