"""A report over runs as one HTML file that needs no network: sorts, filters, hides columns.

As in the page of an evaluation, content is embedded as JSON that the viewer shows as text, and the
page's content security policy allows the viewer's script and style by their hashes, pictures that
are part of the file, and nothing else.
"""

import base64
import os
from pathlib import Path
from string import Template
from typing import Any

from seq2seq.files import atomic_write
from seq2seq.printable import printable
from seq2seq.report.html import shell_values
from seq2seq.runs_report.configurations import Configuration
from seq2seq.runs_report.pictures import pictures_of
from seq2seq.runs_report.run_result import RunResult
from seq2seq.runs_report.table import ReportColumn, RunsTable
from seq2seq.runs_report.texts import NO_VALUE, difference_text, notes_of

VIEWER_FOLDER = Path(__file__).parent


def write_page(path: Path, table: RunsTable, *, title: str, command: str) -> None:
    """Write the page; one at this path is replaced.

    Args:
        command: that makes it.
    """
    style, shell = (
        (VIEWER_FOLDER / f"runs.{kind}").read_text(encoding="utf-8") for kind in ("css", "html")
    )
    values = shell_values(
        title,
        page_content(path, table, title, command),
        style=style,
        scripts=[VIEWER_FOLDER / "runs.js"],
        images="data:",
    )
    text = Template(shell).substitute(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode("utf-8", "replace"))


def page_content(path: Path, table: RunsTable, title: str, command: str) -> dict[str, Any]:
    """The table as the viewer reads it: lists and dictionaries."""
    tested = {column.key for column in table.tested()}
    columns = [{"title": "seeds", "key": "seeds"}]
    for column in table.columns:
        columns.append({"title": column.label, "key": column.key})
        if column.key in tested:
            title_of_test = f"{column.label}: difference (p)"
            columns.append({"title": title_of_test, "key": f"{column.key}_difference"})
    return {
        "title": title,
        "description": command,
        "baseline": table.baseline,
        "columns": columns,
        "rows": [row_content(path, table, row, tested) for row in table.rows],
        "notes": [note.removeprefix("- ") for note in notes_of(table)],
        "pictures": [
            {"title": picture.title, "source": data_address(picture.svg)}
            for picture in pictures_of(table)
        ],
    }


def row_content(
    path: Path, table: RunsTable, row: Configuration, tested: set[str]
) -> dict[str, Any]:
    """A row: a cell for each column, and its runs."""
    cells: list[dict[str, Any]] = [{"text": str(len(row.runs)), "value": len(row.runs)}]
    for column in table.columns:
        cells.append(value_content(column, row))
        if column.key in tested:
            entry = table.differences.get((row.label, column.key))
            cells.append(
                {
                    "text": difference_text(table, column, row),
                    "value": None if entry is None else entry.difference,
                    "significant": entry is not None and entry.is_significant,
                }
            )
    return {
        "label": row.label,
        "cells": cells,
        "runs": [run_content(path, table, row, run) for run in row.runs],
    }


def value_content(column: ReportColumn, row: Configuration) -> dict[str, Any]:
    """A cell: the mean that it is sorted by, and the same with the deviation as text."""
    spread = column.spread(row)
    if spread is None:
        return {"text": NO_VALUE, "value": None}
    mean, _, deviation = spread.text(column.measure.digits).partition(" ")
    if spread.count < len(row.runs):
        deviation += f" ({spread.count} of {len(row.runs)} seeds)"
    return {"text": mean, "spread": deviation, "value": spread.mean}


def run_content(path: Path, table: RunsTable, row: Configuration, run: RunResult) -> dict[str, Any]:
    """A run: its folder and a link to it from the page, its values in the units of the table."""
    values = {}
    for column in table.columns:
        if (entry := column.values(row).get(run.seed)) is not None:
            shown = column.measure.shown(entry.value)
            values[column.key] = f"{shown:.{column.measure.digits}f}"
    return {
        "run": printable(run.run),
        "link": Path(os.path.relpath(run.run, path.parent)).as_posix(),
        "seed": run.seed,
        "origin": dict(run.origin),
        "configuration": dict(run.configuration),
        "values": values,
    }


def data_address(svg: str) -> str:
    """An address that holds a picture."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
