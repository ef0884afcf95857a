"""Speeds of configurations: what is measured in which order, and how reports take it."""

import json
from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench.process import Finished
from seq2seq.errors import DataError
from seq2seq.runs_report import speeds
from seq2seq.runs_report.report import RunsReport, read_places
from seq2seq.runs_report.speeds import SpeedBench, speeds_of
from seq2seq.runs_report.table import runs_table
from seq2seq.runs_report.texts import table_rows
from tests.cli.conftest import Command
from tests.cli.conftest import command as command  # the fixture
from tests.runs_report.conftest import ALIKE, WORSE

ROUNDS = 3


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of processes, which answer without running: slower in each round."""
    started: list[list[str]] = []

    def run_process(command: list[str], *, environment: dict[str, str]) -> Finished:
        started.append(command)
        assert environment["OMP_NUM_THREADS"] == "2"
        speed = 1000 / (1 + sum(command[2:-1] == earlier[2:-1] for earlier in started[:-1]))
        if "seq2seq.bench.own_training" in command:
            row = {"target_tokens_per_second": speed, "peak_bytes": 3 << 20}
        else:
            request = json.loads(Path(command[-2]).read_text())
            assert (request["beam_size"], request["threads"]) == (4, 2)
            assert len(Path(request["lines"]).read_text().splitlines()) == 60
            row = {"sentences_per_second": 50.0, "start_seconds": 1.0}
        return Finished([(0.0, json.dumps(row))], 1.0, 5 << 20)

    monkeypatch.setattr(speeds, "run_process", run_process)
    return started


@pytest.fixture
def measured(commands: list[list[str]], sweep: Path, tmp_path: Path) -> Path:
    output = tmp_path / "speeds.json"
    bench = SpeedBench([sweep], beam_size=4, threads=2, warmup=5, steps=7, rounds=ROUNDS)
    _, failures = bench.measured(output)
    assert failures == []
    return output


def test_each_configuration_is_measured_once_in_each_round(
    measured: Path, commands: list[list[str]], sweep: Path
) -> None:
    content = json.loads(measured.read_text())
    names = [str(sweep / run) for run in ("additive/seed_2", "base/seed_1", "linear/seed_1")]
    assert [row["contestant"] for row in content["measurements"]] == names * ROUNDS
    trained = [command for command in commands if "seq2seq.bench.own_training" in command]
    assert len(trained) == len(commands) / 2 == 3 * ROUNDS
    for arguments, override in zip(trained[:3], (ALIKE, "seed=1", WORSE), strict=True):
        assert json.loads(arguments[3]) == {"warmup": 5, "steps": 7}
        assert override in arguments and "trainer.num_threads=2" in arguments


def test_a_report_takes_what_was_measured_in_one_sitting(measured: Path, sweep: Path) -> None:
    runs = read_places(RunsReport([sweep], speeds=measured)).runs
    titles, *rows = table_rows(runs_table(runs))
    cells = {row[0]: dict(zip(titles, row, strict=True)) for row in rows}
    assert cells[ALIKE]["translated sentences/s"] == "50"
    assert cells["default"]["translated sentences/s"] == "50 (1 of 3 seeds)"
    assert cells["default"]["peak memory, translating (MB)"] == "5 (1 of 3 seeds)"
    assert cells["default"]["peak memory, training (MB)"] == "3 (1 of 3 seeds)"
    assert titles.count("training target tokens/s") == 1, "not beside those that were logged"
    values = speeds_of(measured)[sweep / "base" / "seed_1"]
    rows_of_run = [
        row["target_tokens_per_second"]
        for row in json.loads(measured.read_text())["measurements"]
        if row["contestant"].endswith("base/seed_1")
    ]
    assert values["training_speed"].value == sorted(rows_of_run)[1]


def test_two_sittings_stand_in_two_columns(measured: Path, sweep: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.json"
    content = json.loads(measured.read_text())
    later.write_text(json.dumps({**content, "date": "2027-01-01T00:00:00+00:00"}))
    first = read_places(RunsReport([sweep / "base"], speeds=measured)).runs
    second = read_places(RunsReport([sweep / "linear"], speeds=later)).runs
    keys = [column.key for column in runs_table([*first, *second]).columns]
    assert {"translation_speed_1", "translation_speed_2", "bleu"} <= set(keys)


def test_figures_of_other_runs_are_refused(measured: Path, sweep: Path, tmp_path: Path) -> None:
    content: Any = json.loads(measured.read_text())
    content["summary"] = [{**row, "contestant": "elsewhere"} for row in content["summary"]]
    measured.write_text(json.dumps(content))
    with pytest.raises(DataError, match="measured none of these runs"):
        read_places(RunsReport([sweep / "base"], speeds=measured))


@pytest.mark.parametrize("text", ["{", "[]", '{"measurements": [], "machine": {}, "settings": {}}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "speeds.json"
    path.write_text(text)
    with pytest.raises(DataError, match="must hold what `seq2seq bench runs` measured"):
        speeds_of(path)


def test_the_command(
    command: Command, commands: list[list[str]], sweep: Path, tmp_path: Path
) -> None:
    output = tmp_path / "speeds.json"
    options = ("--rounds", 1, "--beam-size", 4, "--threads", 2, "--output", output)
    finished = command("bench", "runs", sweep, *options)
    assert finished.code == 0, finished.err
    assert "| sentences/s |" in finished.out
    assert output.is_file() and output.with_suffix(".png").is_file()
