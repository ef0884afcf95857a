"""A report over runs as text: Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence

from seq2seq.metrics.resampling import DEFAULT_SEED
from seq2seq.metrics.significance import SAMPLES, SignificanceTest
from seq2seq.printable import printable
from seq2seq.runs_report.configurations import Configuration
from seq2seq.runs_report.differences import LEVEL, BaselineDifference
from seq2seq.runs_report.measures import is_metric
from seq2seq.runs_report.table import ReportColumn, RunsTable, differing_bases

NO_VALUE = "-"
SHORT_HASH = 12  # characters of a hash in text
ORIGIN_COLUMNS = ("training text", "configuration hash", "commit")
LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
}


def table_rows(table: RunsTable) -> list[list[str]]:
    """The cells of the table as text, titles first."""
    tested = {column.key for column in table.tested()}
    titles = ["configuration", "seeds"]
    for column in table.columns:
        titles += [column.label, *(["difference (p)"] if column.key in tested else [])]
    rows = [titles]
    for row in table.rows:
        cells = [row.label, str(len(row.runs))]
        for column in table.columns:
            cells.append(value_text(column, row))
            if column.key in tested:
                cells.append(difference_text(table, column, row))
        rows.append(cells)
    return rows


def value_text(column: ReportColumn, row: Configuration) -> str:
    """Mean and deviation over seeds; with their number where not every seed has a value."""
    spread = column.spread(row)
    if spread is None:
        return NO_VALUE
    text = spread.text(column.measure.digits)
    return (
        text
        if spread.count == len(row.runs)
        else f"{text} ({spread.count} of {len(row.runs)} seeds)"
    )


def difference_text(table: RunsTable, column: ReportColumn, row: Configuration) -> str:
    """The difference from the baseline, a star where it is significant, and the p-value."""
    if row.label == table.baseline:
        return "baseline"
    entry = table.differences.get((row.label, column.key))
    if entry is None:
        return NO_VALUE
    star = "*" if entry.is_significant else ""
    return f"{entry.difference:+.2f}{star} ({p_text(entry)})"


def p_text(entry: BaselineDifference) -> str:
    """A corrected p-value; below what the test can tell, the bound."""
    return "< 0.001" if entry.corrected < 0.001 else f"{entry.corrected:.3f}"


def markdown(table: RunsTable, *, origins: bool = True) -> str:
    """The table in Markdown, its notes, and where each run comes from.

    Args:
        origins: whether a second table leads from rows to runs, data and commands.
    """
    lines = [*runs_markdown(table), "", *notes_of(table)]
    if origins:
        lines += ["", *origin_lines(table)]
    return "\n".join(lines) + "\n"


def runs_markdown(table: RunsTable) -> list[str]:
    """The lines of the table alone."""
    titles, *rows = table_rows(table)
    aligned = ["---", *["---:"] * (len(titles) - 1)]
    return [markdown_line(cells) for cells in (titles, aligned, *rows)]


def markdown_line(cells: Sequence[str]) -> str:
    escaped = (printable(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def notes_of(table: RunsTable) -> list[str]:
    """What a reader must know: spread, test, signatures, and columns that were told apart."""
    notes = ["± is the standard deviation over seeds."]
    if table.baseline is not None:
        trials = SAMPLES[SignificanceTest.randomization]
        notes.append(
            f"Differences are from {table.baseline}, over the seeds that both have; p by "
            f"approximate randomisation over the sentences of these seeds ({trials:,} trials, seed "
            f"{DEFAULT_SEED}), corrected for the comparisons of a column (Holm); * marks p < "
            f"{LEVEL}. The test holds for this text and these seeds."
        )
    for column in table.columns:
        if is_metric(column.measure.name):
            notes.append(
                f"{column.label}: {column.basis['signature']}, {column.basis['protocol']}."
            )
    for label, names in differing_bases(table.columns).items():
        listed = ", ".join(f"{name} {shortened(value)}" for name, value in names.items())
        notes.append(f"{label} does not compare with its other columns: {listed}.")
    return [f"- {printable(note)}" for note in notes]


def shortened(text: str) -> str:
    """A hash cut short; other text as it is."""
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:SHORT_HASH] if is_hash else text


def origin_lines(table: RunsTable) -> list[str]:
    """A table of the runs behind the rows: folder, hashes, commit, command."""
    titles = ["configuration", "seed", "run", *ORIGIN_COLUMNS, "command"]
    lines = [titles, ["---"] * len(titles)]
    for row in table.rows:
        for run in row.runs:
            origin = [shortened(run.origin.get(name, NO_VALUE)) for name in ORIGIN_COLUMNS]
            lines.append([row.label, str(run.seed), run.run, *origin, f"`{run.command}`"])
    return [markdown_line(cells) for cells in lines]


def csv_text(table: RunsTable) -> str:
    """A line for each run: values in basic units, differences of its row, and its origin."""
    tested = list(table.tested())
    origins = sorted({name for row in table.rows for run in row.runs for name in run.origin})
    titles = ["configuration", "seed", *(column.key for column in table.columns)]
    for column in tested:
        titles += [f"{column.key}_difference", f"{column.key}_p", f"{column.key}_p_holm"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*titles, "run", *origins])
    for row in table.rows:
        for run in row.runs:
            values = [column.values(row).get(run.seed) for column in table.columns]
            cells = [row.label, run.seed, *("" if v is None else repr(v.value) for v in values)]
            for column in tested:
                entry = table.differences.get((row.label, column.key))
                figures = entry and (entry.difference, entry.p_value, entry.corrected)
                cells += list(map(repr, figures)) if figures else ["", "", ""]
            origin = [run.origin.get(name, "") for name in origins]
            writer.writerow([*cells, run.run, *origin])
    return text.getvalue()


def latex(table: RunsTable) -> str:
    """A `tabular` of the package booktabs, with the notes as comments."""
    titles, *rows = table_rows(table)
    lines = [f"% {note[2:]}" for note in notes_of(table)]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}", r"\toprule"]
    lines += [latex_line(titles), r"\midrule", *map(latex_line, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_line(cells: Sequence[str]) -> str:
    escaped = ("".join(LATEX_ESCAPES.get(c, c) for c in printable(cell)) for cell in cells)
    return " & ".join(escaped) + r" \\"
