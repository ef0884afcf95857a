"""What a sweep does with each cell, by processes that stand for training."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from seq2seq.config.grid import Cell, Grid
from seq2seq.config.plain import to_yaml
from seq2seq.config.schema import RunConfig
from seq2seq.errors import UserError
from seq2seq.sweeps import session as sessions
from seq2seq.sweeps import sweep as sweeps
from seq2seq.sweeps.contents import reading_of
from seq2seq.sweeps.ledger import sweep_lock
from seq2seq.sweeps.progress import progress_of
from seq2seq.sweeps.sweep import TrainSweep
from tests.sweeps.test_standing import CONTENTS, changed, trained

CHILD = """
import json, os, sys, time
from pathlib import Path
arguments = sys.argv[1:]
options = dict(item.split("=", 1) for item in arguments if "=" in item)
folder = Path(options.get("resume") or options["hydra.run.dir"].strip("'"))
time.sleep(float(os.environ.get("SECONDS", "0")))
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([time.time(), folder.name, arguments]) + "\\n")
if folder.name in os.environ.get("FAILING", ""):
    sys.exit("it failed")
folder.mkdir(parents=True, exist_ok=True)
(folder / "status.json").write_text(json.dumps({"state": "finished", "step": 10}))
"""


class Calls:
    """The calls of the processes that stand for training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def taken(self) -> list[tuple[float, str, list[str]]]:
        calls = [json.loads(line) for line in self.path.read_text().splitlines()]
        self.path.write_text("")
        return [(when, name, arguments) for when, name, arguments in calls]

    def names(self) -> list[str]:
        return sorted(name for _, name, _ in self.taken())


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    contents = {reading_of(config()): CONTENTS}
    monkeypatch.setattr(sessions, "prepared_contents", lambda cells: contents)
    monkeypatch.setattr(sweeps, "ensure_startable", lambda config: None)
    return Calls(tmp_path / "calls")


def config(seed: int = 1) -> RunConfig:
    return changed(RunConfig(seed=seed), "trainer", max_steps=10)


def grid_of(folder: Path, seeds: range, jobs: int = 1, *, accept_stale: bool = False) -> Grid:
    cells = []
    for seed in seeds:
        name = f"seed-{seed}"
        overrides = (f"seed={seed}", "trainer.max_steps=10")
        cells.append(Cell(name, folder / name, {"seed": str(seed)}, overrides, config(seed)))
    return Grid(folder, ["hydra.mode=RUN"], jobs, accept_stale, cells)


def run(grid: Grid) -> None:
    TrainSweep(["-c", CHILD]).run(grid)


def test_each_cell_is_trained_once(tmp_path: Path, calls: Calls) -> None:
    run(grid_of(tmp_path / "s", range(1, 3)))
    (_, name, arguments), _ = calls.taken()
    assert name == "seed-1"
    place = f"hydra.run.dir='{tmp_path / 's' / 'seed-1'}'"
    assert arguments == ["hydra.mode=RUN", "seed=1", "trainer.max_steps=10", place]
    for seed in (1, 2):
        trained(tmp_path / "s" / f"seed-{seed}", config(seed))
    run(grid_of(tmp_path / "s", range(1, 4)))
    assert calls.names() == ["seed-3"]
    assert len(progress_of(tmp_path / "s").cells) == 3


def test_a_failure_stops_no_other_and_is_tried_again(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILING", "seed-1")
    with pytest.raises(UserError, match="seed-1: failed: it failed"):
        run(grid_of(tmp_path, range(1, 4)))
    assert calls.names() == ["seed-1", "seed-2", "seed-3"]
    assert [cell.state for cell in progress_of(tmp_path).cells] == ["failed"] + 2 * ["finished"]
    for seed in (2, 3):
        trained(tmp_path / f"seed-{seed}", config(seed))
    monkeypatch.delenv("FAILING")
    run(grid_of(tmp_path, range(1, 4)))
    assert calls.names() == ["seed-1"]
    assert progress_of(tmp_path).cells[0].facts == ()


def test_an_interrupted_cell_is_continued(tmp_path: Path, calls: Calls) -> None:
    trained(tmp_path / "seed-1", config(1), "stopped")
    run(grid_of(tmp_path, range(1, 2)))
    assert [arguments for _, _, arguments in calls.taken()] == [[f"resume={tmp_path / 'seed-1'}"]]


@pytest.mark.parametrize("state", ["finished", "stopped"])
@pytest.mark.parametrize("accept_stale", [False, True])
def test_a_stale_cell_is_told_and_never_touched(
    tmp_path: Path, calls: Calls, state: str, accept_stale: bool
) -> None:
    trained(tmp_path / "seed-1", changed(config(), "trainer", max_steps=11), state)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "seed-1").iterdir()}
    grid = grid_of(tmp_path, range(1, 3), accept_stale=accept_stale)
    if accept_stale and state == "finished":
        run(grid)
    else:
        with pytest.raises(UserError, match=r"seed-1: stale: trainer.max_steps: was 11 .* not 10"):
            run(grid)
    assert calls.names() == ["seed-2"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "seed-1").iterdir()} == before
    assert "stale: trainer.max_steps" in progress_of(tmp_path).cells[0].facts[0]


def test_jobs_share_the_cores_and_do_not_wait_for_one_another(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "available_cores", lambda: 6)
    monkeypatch.setenv("SECONDS", "0.3")
    began = time.monotonic()
    run(grid_of(tmp_path, range(1, 7), jobs=3))
    taken = calls.taken()
    assert len(taken) == 6
    assert time.monotonic() - began > 0.6
    assert all("trainer.num_threads=2" in arguments for _, _, arguments in taken)
    ledger = json.loads((tmp_path / "sweep.json").read_text())
    assert ledger["cells"]["seed-4"]["threads"] == 2
    chosen = grid_of(tmp_path / "chosen", range(1, 2), jobs=2)
    object.__setattr__(chosen.cells[0].config.trainer, "num_threads", 1)
    run(chosen)
    assert not any("num_threads" in item for _, _, row in calls.taken() for item in row)


def test_a_folder_has_one_sweep_at_a_time(tmp_path: Path, calls: Calls) -> None:
    with sweep_lock(tmp_path), pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
        run(grid_of(tmp_path, range(1, 2)))
    assert calls.names() == []


def test_the_next_sweep_waits_for_what_a_killed_one_left(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    trained(tmp_path / "seed-1", config(), "running")
    status = {"state": "running", "host": os.uname().nodename, "process": orphan.pid}
    (tmp_path / "seed-1" / "status.json").write_text(json.dumps(status))
    seen = []
    monkeypatch.setattr(
        sessions, "prepared_contents", lambda cells: seen.append(orphan.poll()) or calls_contents()
    )
    import threading

    threading.Thread(target=orphan.wait).start()
    run(grid_of(tmp_path, range(1, 2)))
    assert seen == [0]


def calls_contents() -> dict[str, object]:
    return {reading_of(config()): CONTENTS}


def test_runs_below_a_folder_without_a_ledger(tmp_path: Path) -> None:
    trained(tmp_path / "0", config(), "stopped")
    (tmp_path / "0" / "metrics.jsonl").write_text('{"step": 4}\n')
    (tmp_path / "0" / "config.yaml").write_text(to_yaml(config()))
    progress = progress_of(tmp_path)
    assert [(cell.name, cell.state, cell.step) for cell in progress.cells] == [("0", "stopped", 4)]
    assert progress.counts() == "1 cells: 1 stopped"
