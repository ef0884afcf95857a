"""Contestants in alternation: order, results after each measurement, failures, warnings."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench import contest
from seq2seq.bench.contest import Contestant, command_contestant, compete
from seq2seq.bench.contest_plot import save_contest
from seq2seq.bench.machine import ProcessorTimes
from seq2seq.bench.process import MeasurementError
from seq2seq.bench.summary import PEAK_MEMORY, Figure, markdown_table
from seq2seq.errors import UserError

SPEED = Figure("speed", "tokens/s")
IDLE = {"busy": 0.0, "load": 0.0}


@pytest.fixture(autouse=True)
def idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "load_facts", lambda: IDLE)
    monkeypatch.setattr(ProcessorTimes, "now", lambda: None)


def scripted(name: str, speeds: list[float | None], calls: list[str]) -> Contestant:
    """A contestant with these speeds, one after the other; None fails."""
    remaining = iter(speeds)

    def measure() -> Mapping[str, Any]:
        calls.append(name)
        speed = next(remaining)
        if speed is None:
            raise MeasurementError("out of luck")
        return {"speed": speed, "threads": 2}

    return Contestant(name, measure)


def test_contestants_alternate_and_ratios_are_within_rounds(tmp_path: Path) -> None:
    calls: list[str] = []
    contestants = [
        scripted("a", [10.0, 20.0, 40.0], calls),
        scripted("b", [5.0, 5.0, 40.0], calls),
    ]
    results, failures = compete(
        contestants, [SPEED], rounds=3, output=tmp_path / "r.json", settings={"steps": 7}
    )
    assert calls == ["a", "b"] * 3
    assert failures == []
    assert results["settings"] == {"steps": 7}
    first, second = results["summary"]
    assert (first["median"], first["lowest"], first["highest"]) == (20.0, 10.0, 40.0)
    assert (first["ratio_median"], first["ratio_lowest"]) == (1.0, 1.0)
    assert (second["ratio_lowest"], second["ratio_median"], second["ratio_highest"]) == (1, 2, 4)
    assert json.loads((tmp_path / "r.json").read_text()) == results
    assert [row["threads"] for row in results["measurements"]] == [2] * 6


def test_results_are_written_after_each_measurement(tmp_path: Path) -> None:
    output = tmp_path / "r.json"

    def interrupted() -> Mapping[str, Any]:
        raise KeyboardInterrupt

    contestants = [scripted("a", [1.0], []), Contestant("b", interrupted)]
    with pytest.raises(KeyboardInterrupt):
        compete(contestants, [SPEED], rounds=1, output=output, settings={})
    assert [row["speed"] for row in json.loads(output.read_text())["measurements"]] == [1.0]


def test_a_failure_costs_one_round_of_one_contestant(tmp_path: Path) -> None:
    contestants = [
        scripted("a", [10.0, None, 30.0], []),
        scripted("b", [5.0, 5.0, 5.0], []),
        scripted("c", [None, None, None], []),
    ]
    results, failures = compete(
        contestants, [SPEED], rounds=3, output=tmp_path / "r.json", settings={}
    )
    assert len(failures) == 4
    assert "a, round 2: out of luck" in failures
    by_name = {row["contestant"]: row for row in results["summary"]}
    assert by_name["b"]["rounds"] == 3
    assert by_name["b"]["ratio_median"] == 4.0, "of the rounds 1 and 3"
    assert by_name["c"]["median"] is by_name["c"]["ratio_median"] is None
    table = markdown_table(results["summary"], results["contestants"], [SPEED])
    assert table.splitlines() == [
        "|  | tokens/s | a / this |",
        "| --- | ---: | ---: |",
        "| a | 20 (10 to 30) | 1 |",
        "| b | 5 | 4 (2 to 6) |",
        "| c | - | - |",
    ]
    save_contest(tmp_path / "r.png", results, [SPEED])
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


def times_with(stolen: int) -> Callable[[], Iterator[ProcessorTimes]]:
    def readings() -> Iterator[ProcessorTimes]:
        total = 0
        while True:
            yield ProcessorTimes(total * 100, total * 50, total * stolen)
            total += 1

    return readings


@pytest.mark.parametrize(("stolen", "warns"), [(0, False), (1, False), (2, True)])
def test_stolen_time_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stolen: int,
    warns: bool,
) -> None:
    readings = times_with(stolen)()
    monkeypatch.setattr(ProcessorTimes, "now", lambda: next(readings))
    results, _ = compete(
        [scripted("a", [1.0], [])], [SPEED], rounds=1, output=tmp_path / "r.json", settings={}
    )
    assert results["stolen"] == results["measurements"][0]["stolen"] == stolen / 100
    assert ("other guests of this host took 2.0%" in capsys.readouterr().err) is warns
    assert bool(results["warnings"]) is warns


def test_a_busy_machine_is_told_before_the_first_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contest, "load_facts", lambda: {"busy": 0.43, "load": 1.0})
    results, _ = compete(
        [scripted("a", [1.0], [])], [SPEED], rounds=1, output=tmp_path / "r.json", settings={}
    )
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("warning: the machine is not idle: 43% of its processor time")
    assert results["warnings"] == [first.removeprefix("warning: ")]
    assert results["machine"]["busy"] == 0.43


def test_another_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"mine": 1}')
    with pytest.raises(UserError, match="r.json"):
        compete([], [SPEED], rounds=1, output=tmp_path / "r.json", settings={})


def test_a_command_gives_its_last_line_and_its_peak(tmp_path: Path) -> None:
    code = (
        "import time; held = bytearray(80 << 20); time.sleep(0.5); "
        "print('loading'); print('{\"speed\": 3}')"
    )
    measured = command_contestant("a", [sys.executable, "-c", code]).measure()
    assert measured["speed"] == 3
    assert 80 < PEAK_MEMORY.value(measured) / 2**20 < 140  # type: ignore[operator]
