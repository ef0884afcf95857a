"""The table of a report: a row a configuration, and columns in which all values compare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from seq2seq.bench_runs.seed_test import Spread, spread_of
from seq2seq.errors import ConfigError, choices
from seq2seq.runs_report.configurations import Configuration, configurations_of
from seq2seq.runs_report.differences import BaselineDifference, KnownTests, differences_of
from seq2seq.runs_report.measures import ReportMeasure, is_metric, report_measures
from seq2seq.runs_report.run_result import Basis, RunResult, RunValue


@dataclass(frozen=True)
class ReportColumn:
    """A measure of all runs that share what makes its values comparable.

    Attributes:
        number: of this measure's columns, from 1; 0 for the only one.
        basis: what the values share, by name.
    """

    measure: ReportMeasure
    number: int
    basis: Basis

    @property
    def label(self) -> str:
        return f"{self.measure.label} [{self.number}]" if self.number else self.measure.label

    @property
    def key(self) -> str:
        """A name for it in files."""
        return f"{self.measure.name}_{self.number}" if self.number else self.measure.name

    def values(self, row: Configuration) -> dict[int, RunValue]:
        """The values of a row by seed; those that belong in another column are left out."""
        entries = {run.seed: run.values.get(self.measure.name) for run in row.runs}
        return {
            seed: entry
            for seed, entry in entries.items()
            if entry is not None and dict(entry.basis) == dict(self.basis)
        }

    def spread(self, row: Configuration) -> Spread | None:
        """Mean and deviation over seeds, in the unit of tables; None without values.

        What cannot vary has a deviation only if it does.
        """
        spread = spread_of([self.measure.shown(v.value) for v in self.values(row).values()])
        if spread is not None and not self.measure.varies and not spread.deviation:
            return replace(spread, deviation=None)
        return spread


@dataclass(frozen=True)
class RunsTable:
    """Rows, columns, and how rows differ from the baseline.

    Attributes:
        baseline: the label of a row; None for none.
        differences: by the labels of row and column; only of metrics, and of rows that share a
            seed with the baseline.
    """

    rows: Sequence[Configuration]
    columns: Sequence[ReportColumn]
    baseline: str | None = None
    differences: Mapping[tuple[str, str], BaselineDifference] = field(default_factory=dict)

    @property
    def baseline_run(self) -> str | None:
        """The folder of the baseline's first run, which tells it also beside further runs."""
        return next((row.runs[0].run for row in self.rows if row.label == self.baseline), None)

    def with_columns(self, names: Sequence[str]) -> "RunsTable":
        """The same with the columns of these measures only, in this order."""
        columns = [c for name in names for c in self.columns if c.measure.name == name]
        return replace(self, columns=columns)

    def tested(self) -> Iterator[ReportColumn]:
        """The columns in which rows are held against the baseline."""
        for column in self.columns:
            if any((row.label, column.key) in self.differences for row in self.rows):
                yield column


def runs_table(
    runs: Sequence[RunResult], *, baseline: str | None = None, tests: KnownTests | None = None
) -> RunsTable:
    """The table of some runs.

    Args:
        baseline: the label of a row, or the folder of one of its runs.
        tests: tests that were made before.

    Raises:
        ConfigError: there is no such baseline, or no metric that it could be compared by.
        DataError: two runs have one configuration and one seed.
    """
    rows = configurations_of(runs)
    columns = columns_of(runs)
    if baseline is None:
        return RunsTable(rows, columns)
    base = baseline_row(rows, baseline)
    rows = [base, *(row for row in rows if row is not base)]
    differences: dict[tuple[str, str], BaselineDifference] = {}
    for column in columns:
        if is_metric(column.measure.name):
            values = {row.label: column.values(row) for row in rows}
            tested = differences_of(column.measure.name, values, base.label, tests or KnownTests())
            differences |= {(label, column.key): entry for label, entry in tested.items()}
    return RunsTable(rows, columns, base.label, differences)


def columns_of(runs: Sequence[RunResult]) -> list[ReportColumn]:
    """A column for each measure, and several where the values of one do not compare."""
    columns = []
    for measure in report_measures([name for run in runs for name in run.values]):
        bases: list[dict[str, str]] = []
        for run in runs:
            if (entry := run.values.get(measure.name)) and dict(entry.basis) not in bases:
                bases.append(dict(entry.basis))
        for number, basis in enumerate(bases, 1):
            columns.append(ReportColumn(measure, number if len(bases) > 1 else 0, basis))
    return columns


def baseline_row(rows: Sequence[Configuration], name: str) -> Configuration:
    """The row that a baseline names, by its label or by the folder of a run.

    Raises:
        ConfigError: there is none, or there are several.
    """
    labelled = [row for row in rows if row.label == name]
    of_runs = [row for row in rows if any(is_path_of(name, run.run) for run in row.runs)]
    named = labelled or of_runs
    if len(named) == 1:
        return named[0]
    if named:
        raise ConfigError(
            f"--baseline: {name!r} must name one configuration, not runs of {len(named)}; write "
            f"more of the path, such as {named[0].runs[0].run}"
        )
    raise ConfigError(
        f"--baseline: no configuration or run is called {name!r}; "
        f"{choices(name, [row.label for row in rows])}"
    )


def is_path_of(name: str, run: str) -> bool:
    """Whether a name is the path of a run's folder, or the end of it."""
    folder = name.rstrip("/")
    return run == folder or run.endswith(f"/{folder}")


def differing_bases(columns: Sequence[ReportColumn]) -> dict[str, dict[str, str]]:
    """By the label of each column that has others of its measure: in what these differ."""
    by_measure: dict[str, list[ReportColumn]] = {}
    for column in columns:
        by_measure.setdefault(column.measure.name, []).append(column)
    differing = {}
    for group in by_measure.values():
        names = sorted({name for column in group for name in column.basis})
        apart = [name for name in names if len({c.basis.get(name) for c in group}) > 1]
        for column in group if len(group) > 1 else []:
            differing[column.label] = {name: column.basis.get(name, "none") for name in apart}
    return differing
