"""The tables of README and docs/results.md are those that the files in results/ make."""

from pathlib import Path

import pytest

from seq2seq.runs_report.report import Outputs, RunsReport, write_runs_report
from tests.scripts.loading import imported_script


def test_tables_of_pages_are_those_of_the_results() -> None:
    with imported_script("results_page") as script:
        for path, text in script.pages_with_tables():
            stored = path.read_text(encoding="utf-8")
            assert stored == text, "run python scripts/results_page.py"


def test_both_pages_have_tables_of_results() -> None:
    with imported_script("results_page") as script:
        for path, text in script.pages_with_tables():
            assert script.SECTION.search(text) is not None, f"{path} has no table"
        assert [path.name for path in script.PAGES if path.is_file()] == ["README.md", "results.md"]


@pytest.fixture
def results(workspace: Path) -> Path:
    """A folder with the results of two runs."""
    folder = workspace / "results"
    request = RunsReport([Path("RUN_A"), Path("RUN_B")], command="seq2seq report runs RUN_A RUN_B")
    write_runs_report(request, Outputs(json=folder / "two.json"))
    return folder


def test_a_table_is_made_anew_and_the_rest_stays(results: Path) -> None:
    page = (
        "before\n<!-- results: two.json columns=parameters notes=false -->\n\n| a |\n"
        "<!-- end of results -->\nafter\n"
    )
    with imported_script("results_page") as script:
        text = script.rebuilt(page, results)
        assert text != page and script.rebuilt(text, results) == text
        assert script.rebuilt(text.replace("| default | 2 |", "| default | 3 |"), results) == text
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "| configuration | seeds | parameters (M) |" in text
    assert "is what `seq2seq report runs RUN_A RUN_B` wrote." in text
