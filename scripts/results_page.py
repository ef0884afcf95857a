"""Bring the tables of README.md and docs/results.md up to date with the files in results/.

    python scripts/results_page.py

A table stands between two comments, the first of which says what it is made of:

    <!-- results: default.json columns=bleu,chrf notes=false -->
    <!-- end of results -->

`columns` names measures of the file, in their order; without it all are shown. `notes` says whether
spread, test and signatures are explained below the table, which they are unless it is false.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from seq2seq.runs_report.report import table_of_file
from seq2seq.runs_report.results_file import read_results
from seq2seq.runs_report.texts import notes_of, runs_markdown

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md")
SECTION = re.compile(
    r"(?P<head><!-- results: (?P<name>[\w.-]+)(?P<options>(?: \w+=[\w,]+)*) -->\n)"
    r".*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)


def rebuilt(page: str, results: Path) -> str:
    """The text of a page with its tables made again from the files in a folder."""
    return SECTION.sub(lambda match: section_text(match, results), page)


def section_text(match: re.Match[str], results: Path) -> str:
    """A table between its comments, with the command that wrote its file."""
    options = dict(option.split("=") for option in match["options"].split())
    path = results / match["name"]
    columns = options.get("columns", "").split(",") if "columns" in options else []
    table = table_of_file(path, columns=columns)
    notes = [] if options.get("notes") == "false" else notes_of(table)
    command = read_results(path).command
    lines = [
        *runs_markdown(table),
        "",
        *notes,
        f"- `results/{path.name}` is what `{command}` wrote.",
    ]
    return match["head"] + "\n" + "\n".join(lines) + "\n\n" + match["end"]


def pages_with_tables() -> Iterator[tuple[Path, str]]:
    """Each page that is there, with its text as it should be."""
    for path in PAGES:
        if path.is_file():
            yield path, rebuilt(path.read_text(encoding="utf-8"), ROOT / "results")


if __name__ == "__main__":
    for page_path, page_text in pages_with_tables():
        page_path.write_text(page_text, encoding="utf-8")
        print(page_path.relative_to(ROOT))
