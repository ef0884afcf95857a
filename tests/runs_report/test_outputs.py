"""What the command writes: text that says what the table says, and results without runs."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.metrics.base import summed
from seq2seq.runs_report import results_file
from seq2seq.runs_report.differences import metric_of
from seq2seq.runs_report.report import Outputs, RunsReport, table_of_file, write_runs_report
from seq2seq.runs_report.results_file import read_results
from seq2seq.runs_report.run_result import packed_statistics, unpacked_statistics
from tests.cli.conftest import Command
from tests.cli.conftest import command as command  # the fixture
from tests.runs_report.conftest import ALIKE, WORSE

ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def printed(sweep: Path, folder: Path, few_trials: None) -> str:
    """The table in Markdown; the files lie in `folder`."""
    request = RunsReport([sweep], baseline="default", command="seq2seq report runs sweep")
    outputs = Outputs(json=folder / "a.json", csv=folder / "a.csv", latex=folder / "a.tex")
    return write_runs_report(request, outputs)


def rows(text: str) -> list[list[str]]:
    return [cells.split(" | ") for cells in ROW.findall(text)]


def test_markdown_says_what_the_table_says(printed: str, sweep: Path) -> None:
    titles, _, *lines = rows(printed)
    cells = {line[0]: dict(zip(titles, line, strict=True)) for line in lines[:3]}
    assert set(cells) == {"default", ALIKE, f"{WORSE} model.d_model=16"}
    assert re.fullmatch(r"\d+\.\d\d ± \d+\.\d\d", cells["default"]["BLEU"])
    assert re.fullmatch(r"\d+\.\d\d", cells[ALIKE]["BLEU"])
    place = titles.index("BLEU") + 1
    by_label = {line[0]: line[place] for line in lines[:3]}
    assert by_label["default"] == "baseline"
    assert re.fullmatch(r"-\d+\.\d\d\* \(0\.\d{3}\)", by_label[f"{WORSE} model.d_model=16"])
    assert re.fullmatch(r"[+-]\d+\.\d\d \(\d\.\d{3}\)", by_label[ALIKE])
    assert "approximate randomisation" in printed and "Holm" in printed
    assert "- BLEU: nrefs:1|case:mixed|eff:no|tok:13a" in printed.replace("\\|", "|")


def test_every_run_stands_with_what_it_comes_from(printed: str, sweep: Path) -> None:
    origins = [line for line in rows(printed) if line[-1].startswith("`seq2seq train")]
    assert len(origins) == 7
    for label, seed, run, *_, began in origins:
        assert (Path(run) / "model").is_dir()
        assert began.endswith(f"seed={seed}`")
        assert all(part in began for part in label.split() if label != "default")


def test_the_file_replaces_the_runs(printed: str, folder: Path) -> None:
    again = write_runs_report(RunsReport([folder / "a.json"]), Outputs(json=folder / "b.json"))
    assert again == printed
    first, second = (json.loads((folder / name).read_text()) for name in ("a.json", "b.json"))
    assert first.pop("command") != second.pop("command")
    assert first == second


def test_another_baseline_needs_the_statistics(
    printed: str, sweep: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_file = write_runs_report(RunsReport([folder / "a.json"], baseline=ALIKE), Outputs())
    assert from_file == write_runs_report(RunsReport([sweep], baseline=ALIKE), Outputs())
    monkeypatch.setattr(results_file, "MOST_STATISTICS", 0)
    write_runs_report(RunsReport([folder / "a.json"]), Outputs(json=folder / "bare.json"))
    bare = folder / "bare.json"
    assert len(bare.read_text()) < len((folder / "a.json").read_text())
    assert write_runs_report(RunsReport([bare]), Outputs()) == printed
    with pytest.raises(DataError, match="without the statistics of their sentences"):
        write_runs_report(RunsReport([bare], baseline=ALIKE), Outputs())


def test_stored_statistics_give_the_stored_scores(printed: str, folder: Path) -> None:
    for run in read_results(folder / "a.json").runs:
        for name in ("bleu", "chrf"):
            entry = run.values[name]
            assert entry.statistics is not None
            metric = metric_of(name, entry.basis)
            assert metric.from_statistics(summed(entry.statistics)) == entry.value


@pytest.mark.parametrize("values", [[[1, 2], [3, -4], [0, 7]], [[0.5, 2.25]], [[2.0**40]]])
def test_statistics_come_back_exactly(values: list[list[float]]) -> None:
    table = np.array(values, dtype=np.float64)
    assert np.array_equal(unpacked_statistics(packed_statistics(table)), table)


def test_csv_has_a_line_for_each_run(printed: str, folder: Path) -> None:
    with (folder / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    table = table_of_file(folder / "a.json")
    assert len(lines) == 7
    for line in lines:
        row = next(row for row in table.rows if row.label == line["configuration"])
        run = next(run for run in row.runs if str(run.seed) == line["seed"])
        assert float(line["bleu"]) == run.values["bleu"].value
        assert line["run"] == run.run
        assert line["test text"] == run.origin["test text"]
        entry = table.differences.get((row.label, "bleu"))
        assert line["bleu_p_holm"] == (repr(entry.corrected) if entry else "")


def test_latex_is_escaped_and_whole(printed: str, folder: Path) -> None:
    text = (folder / "a.tex").read_text()
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert body[0].startswith(r"\begin{tabular}{l") and body[-1] == r"\end{tabular}"
    assert rf"{WORSE} model.d\_model=16".replace("cross_", r"cross\_") in text
    columns = len(body[0].partition("}{")[2].rstrip("}"))
    assert {line.count(" & ") + 1 for line in body if line.endswith(r"\\")} == {columns}


def test_chosen_columns_of_a_file(printed: str, folder: Path) -> None:
    table = table_of_file(folder / "a.json", columns=["parameters", "bleu"])
    assert [column.key for column in table.columns] == ["parameters", "bleu"]


def test_the_command(command: Command, sweep: Path, folder: Path, printed: str) -> None:
    finished = command("report", "runs", sweep, "--baseline", "default")
    assert (finished.code, finished.out) == (0, printed)
    assert "begun is left out: it has no finished model" in finished.err
    path = folder / "b.md"
    finished = command("report", "runs", folder / "a.json", "--markdown", path)
    assert (finished.code, finished.out, path.read_text()) == (0, "", printed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["blue"]}, "--metric: metrics: .*did you mean bleu"),
        ({"split": "../test"}, "--split: must"),
        ({"baseline": "nothing"}, "--baseline: no configuration or run is called 'nothing'"),
        ({"gold": Path("gold.tsv")}, "--gold: is set but not read"),
        ({"places": [Path("absent")]}, "absent: there is no such folder"),
    ],
)
def test_what_cannot_be_reported(
    printed: str, folder: Path, change: dict[str, object], message: str
) -> None:
    request = replace(RunsReport([folder / "a.json"]), **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        write_runs_report(request, Outputs())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "another"}', '{"runs": []}'])
def test_files_that_hold_no_results(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match="must hold results that"):
        write_runs_report(RunsReport([path]), Outputs())


def test_nothing_else_is_replaced(printed: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"mine": 1}')
    with pytest.raises(UserError, match="is not replaced"):
        write_runs_report(RunsReport([folder / "a.json"]), Outputs(json=path))


def test_folders_without_runs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run lies there or below"):
        write_runs_report(RunsReport([tmp_path]), Outputs())


def test_no_option_contradicts_another_silently() -> None:
    with pytest.raises(ConfigError):
        write_runs_report(RunsReport([], reverse=Path("r")), Outputs())
