"""Signals to real runs: the exit code, nothing lost or left, and the same bundle after resuming."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seq2seq.folder.directory import PHASES
from seq2seq.stopping import STOP_SIGNALS
from tests.scripts.loading import imported_script

SAVED = [  # kind, phase, target
    ("single", "preparing", "command"),
    ("single", "validation", "command"),
    ("single", "evaluation", "command"),
    ("sweep", "training", "group"),
    ("two processes", "start-up", "command"),
    ("two processes", "training", "rank 1"),
]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with imported_script("signals_by_phase") as module:
        yield module


@pytest.fixture(scope="module")
def undisturbed(script: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return {kind: script.undisturbed_bundle(kind, folder / kind) for kind in script.KINDS}


def test_every_phase_gets_every_signal(script: Any) -> None:
    cases = list(script.cases())
    assert len(set(map(str, cases))) == len(cases)
    single = {(case.phase, case.signal) for case in cases if case.kind == "single"}
    assert single == {(x, y) for x in ("composing", *PHASES) for y in STOP_SIGNALS}
    assert {case.kind for case in cases} == set(script.KINDS)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "phase", "target"), SAVED)
def test_a_stopped_run_loses_nothing(
    script: Any, tmp_path: Path, undisturbed: Any, kind: str, phase: str, target: str
) -> None:
    number = signal.SIGINT if target == "group" else signal.SIGTERM
    row = script.row(script.Case(kind, phase, number, target), tmp_path, undisturbed[kind])
    assert re.search(rf"\| {128 + number} \| [\d.]+ \| 0 \| 0 \| 0 \| yes \|$", row), row


@pytest.mark.slow
@pytest.mark.parametrize("target", ["rank 0", "rank 1"])
def test_a_killed_rank_ends_the_run(
    script: Any, tmp_path: Path, undisturbed: Any, target: str
) -> None:
    case = script.Case("two processes", "training", signal.SIGKILL, target)
    row = script.row(case, tmp_path, undisturbed["two processes"])
    ended = re.search(r"\| 1 \| ([\d.]+) \| \d+ \| 0 \| 0 \| yes \|$", row)
    assert ended and float(ended[1]) < 30, row
