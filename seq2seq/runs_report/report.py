"""`seq2seq report runs`: runs are read, or results that were stored; the report is written."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seq2seq.config.schema import split_problem
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import atomic_write
from seq2seq.metrics.base import metric_problems
from seq2seq.runs_report.differences import KnownTests
from seq2seq.runs_report.measures import TESTED_METRICS
from seq2seq.runs_report.results_file import StoredResults, read_results, save_results
from seq2seq.runs_report.run_result import RunResult
from seq2seq.runs_report.table import RunsTable, is_path_of, runs_table
from seq2seq.runs_report.texts import csv_text, latex, markdown

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunsReport:
    """What a report is made of.

    Attributes:
        places: folders of runs, folders above them, and files of results.
        split: whose evaluation is read.
        metrics: that translations are scored by; None for TESTED_METRICS.
        baseline: a configuration, or the folder of a run; None for that of a file of results.
        gold: table of gold links in the direction of the runs.
        reverse: a run of the other direction.
        speeds: what `seq2seq bench runs` measured of the runs; takes the place of logged speeds.
        names: of configurations, by the folder of a run, or the end of its path.
        command: that makes it, to be stored.
    """

    places: Sequence[Path]
    split: str = "test"
    metrics: Sequence[str] | None = None
    baseline: str | None = None
    gold: Path | None = None
    reverse: Path | None = None
    speeds: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    def problems(self) -> list[str]:
        """What is impossible about these options, in words."""
        problems = [f"--metric: {text}" for text in metric_problems(self.metrics or TESTED_METRICS)]
        if problem := split_problem(self.split):
            problems.append(f"--split: {problem}")
        folders = [place for place in self.places if not place.is_file()]
        for name, value in (("gold", self.gold), ("reverse", self.reverse)):
            if value is not None and not folders:
                problems.append(
                    f"--{name}: is set but not read, since all results are stored ones; leave it "
                    "out, or name folders of runs"
                )
        return problems


@dataclass(frozen=True)
class Outputs:
    """Files to write; None for none."""

    json: Path | None = None
    markdown: Path | None = None
    csv: Path | None = None
    latex: Path | None = None
    html: Path | None = None


def write_runs_report(request: RunsReport, outputs: Outputs) -> str:
    """Read runs and write the files of their report.

    Returns:
        what is to be printed: the table in Markdown, unless that goes to a file.

    Raises:
        ConfigError: an option is wrong, or there is no such baseline.
        UserError: a run or file cannot be used, or a file cannot be written.
    """
    if problems := request.problems():
        raise ConfigError(problems)
    results = read_places(request)
    table = runs_table(results.runs, baseline=results.baseline, tests=results.tests)
    results.baseline = table.baseline_run
    if outputs.json is not None and not save_results(outputs.json, results):
        logger.warning(
            "%s holds the tests that were made, but not the statistics of the sentences, which "
            "would make it too large: from it, rows cannot be held against another baseline",
            outputs.json,
        )
    written = {outputs.csv: csv_text, outputs.latex: latex, outputs.markdown: markdown}
    for path, text_of in written.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, text_of(table).encode())
    if outputs.html is not None:
        from seq2seq.runs_report.page import write_page

        title = ", ".join(place.name for place in request.places)
        write_page(outputs.html, table, title=title, command=request.command)
    return markdown(table) if outputs.markdown is None else ""


def read_places(request: RunsReport) -> StoredResults:
    """The runs of all places, in their order, with the tests that are known of them."""
    runs: list[RunResult] = []
    tests = KnownTests()
    baselines = [request.baseline]
    for place in request.places:
        if place.is_file():
            stored = read_results(place)
            runs += stored.runs
            tests.p_values |= stored.tests.p_values
            baselines.append(stored.baseline)
        else:
            runs += read_folder(place, request, runs)
    if request.gold is not None:
        ensure_one_direction(runs)
    if request.speeds is not None:
        runs = with_speeds(runs, request.speeds)
    for folder, name in request.names.items():
        runs = with_name(runs, folder, name)
    baseline = next((name for name in baselines if name is not None), None)
    return StoredResults(request.command, baseline, runs, tests)


def read_folder(place: Path, request: RunsReport, before: Sequence[RunResult]) -> list[RunResult]:
    """The runs in a folder that are not among those before."""
    from seq2seq.runs_report.collect import Collection, collected_runs
    from seq2seq.runs_report.model_values import ModelMeasurements

    measurements = ModelMeasurements(request.gold, request.reverse)
    metrics = request.metrics or TESTED_METRICS
    collection = Collection(request.split, metrics, measurements)
    return collected_runs(place, collection, {run.run for run in before})


def with_name(runs: Sequence[RunResult], folder: str, name: str) -> list[RunResult]:
    """Runs, that in a folder with a name for its configuration.

    Raises:
        ConfigError: not one of them lies there.
    """
    named = [run for run in runs if is_path_of(folder, run.run)]
    if len(named) != 1:
        raise ConfigError(
            f"--name: {folder} must be the folder of one run of the report, not of {len(named)}; "
            "write --name FOLDER=NAME"
        )
    return [replace(run, name=name if run is named[0] else run.name) for run in runs]


def with_speeds(runs: Sequence[RunResult], path: Path) -> list[RunResult]:
    """Runs with the figures that were measured in one sitting, in place of logged speeds.

    Raises:
        DataError: the file holds no such figures, or none of these runs.
    """
    from seq2seq.runs_report.speeds import MEASURES_OF_FIGURES, speeds_of

    measured = {run.resolve(): values for run, values in speeds_of(path).items()}
    results = []
    for run in runs:
        names = set(MEASURES_OF_FIGURES.values())
        values = {name: value for name, value in run.values.items() if name not in names}
        results.append(replace(run, values=values | measured.get(Path(run.run).resolve(), {})))
    if not any(Path(run.run).resolve() in measured for run in runs):
        raise DataError(f"{path}: measured none of these runs; measure them by seq2seq bench runs")
    return results


def ensure_one_direction(runs: Sequence[RunResult]) -> None:
    """Refuse runs of several directions, of which the gold links have one. Raises ConfigError."""
    entries = (run.values.get("gold_alignment_error") for run in runs)
    directions = sorted({entry.basis["direction"] for entry in entries if entry is not None})
    if len(directions) > 1:
        raise ConfigError(
            f"--gold: the runs must translate in one direction, that of the links, not in "
            f"{' and '.join(directions)}; name the runs of one direction"
        )


def table_of_file(path: Path, *, columns: Sequence[str] = ()) -> RunsTable:
    """The table of stored results.

    Args:
        columns: names of measures; without them all.
    """
    stored = read_results(path)
    table = runs_table(stored.runs, baseline=stored.baseline, tests=stored.tests)
    return table.with_columns(columns) if columns else table
