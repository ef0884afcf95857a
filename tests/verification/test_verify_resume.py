"""The check of resuming finds a command that does not resume exactly, and passes one that does."""

import json
import sys
from collections import Counter, deque
from pathlib import Path

import pytest

from seq2seq.cli import verify_resume as command
from seq2seq.errors import UserError
from seq2seq.folder.directory import PHASES
from seq2seq.verification.killing import START_UP, Command, Instant, Kill
from seq2seq.verification.verify_resume import Subject, Trial, Verification, plan_of_kills, verify

PROGRAM = """
import json, os, sys, time
from pathlib import Path

run, exact = Path(sys.argv[1]), sys.argv[2] == "exact"
run.mkdir(parents=True, exist_ok=True)
(run / "config.yaml").touch()
progress = run / "progress"
done = int(progress.read_text()) if progress.exists() else 0
starts = run / "starts"
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")

def write(path, text):
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)

for step in range(done, 6):
    phase = "validation" if step == 3 else "training"
    write(run / "status.json", json.dumps({"process": os.getpid(), "phase": phase}))
    time.sleep(0.03)
    write(progress, str(step + 1))
write(run / "result", "done" if exact else starts.read_text())
"""


def subject(program: Path, kind: str) -> Subject:
    def arguments(run: Path) -> list[str]:
        return [sys.executable, "-S", "-E", str(program), str(run), kind]

    return Subject(arguments, arguments, lambda run: {"result": (run / "result").read_text()})


@pytest.mark.parametrize(("kind", "differing"), [("exact", []), ("inexact", ["result"])])
def test_a_difference_is_seen(tmp_path: Path, kind: str, differing: list[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    states = verify(subject(program, kind), tmp_path / "runs", kills=4, kills_per_run=2, seed=1)
    last = list(states)[-1]
    assert last.kills_after_start_up() >= 4
    assert {tuple(trial.differing) for trial in last.trials if trial.kills} == {tuple(differing)}
    assert last.kills_by_phase().keys() <= {START_UP, "training", "validation"}


def test_an_instant_that_a_process_misses_is_skipped(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    run = tmp_path / "run"
    arguments = [sys.executable, "-S", "-E", str(program), str(run), "exact"]
    plan = deque([Instant("preparing", 0.0), Instant("validation", 0.0), Instant("training", 9.0)])
    kill = Command(arguments, run, tmp_path / "log").kill_at(plan)
    assert kill is not None
    assert kill.phase == "validation"
    assert list(plan) == [Instant("training", 9.0)]
    assert Command(arguments, run, tmp_path / "log").kill_at(plan) is None
    assert (run / "result").read_text() == "done"


def test_phases_with_fewer_kills_are_preferred_and_stand_in_order() -> None:
    import random

    durations = dict.fromkeys(PHASES, 1.0)
    state = Verification(durations, [Trial([Kill("training", 1.0)] * 1000, [])])
    plan = plan_of_kills(200, state, random.Random(1))
    counts = Counter(plan)
    assert counts["training"] < min(counts[phase] for phase in PHASES if phase != "training")
    ordered = [phase for phase in plan if phase != START_UP]
    assert ordered[: counts["preparing"]] == ["preparing"] * counts["preparing"]
    assert ordered[-counts["evaluation"] :] == ["evaluation"] * counts["evaluation"]


def test_the_command_fails_if_anything_differs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(
        "seq2seq.verification.verify_resume.training_subject",
        lambda options: subject(program, "inexact"),
    )
    path = tmp_path / "kills.json"
    with pytest.raises(UserError, match="not identical"):
        command.verify_resume(kills=4, kills_per_run=2, write_json=path)
    assert "DIFFERS in result" in capsys.readouterr().out
    assert json.loads(path.read_text())["trials"][-1]["differing"] == ["result"]


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="must be a new folder"):
        command.verify_resume(output=tmp_path)
