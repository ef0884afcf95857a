"""A sweep that is killed and started again ends with the bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seq2seq.sweeps.progress import progress_of
from seq2seq.verification.outcome import outcome
from tests.integration.commands import ROOT, TINY, environment

MARK = "SEQ2SEQ_TEST_OF_SWEEP"  # in the environment of all processes of a sweep
GONE_WITHIN = 10.0  # seconds after the sweep's process alone was killed
OPTIONS = [
    *TINY,
    *("trainer.evaluate=true", "decoding.max_length_ratio=0", "decoding.max_length_offset=4"),
    "trainer.num_threads=1",
]
TWO = ["encoder_attention=full,local"]
TWELVE = ["encoder_attention=full,local,linear", "decoder_attention=full,linear", "seed=1,2"]


class Sweeps:
    """Sweeps of tiny runs in one folder, all with one cache."""

    def __init__(self, work: Path, cache: Path) -> None:
        self.work, self.folder = work, work / "sweep"
        self.arguments = [*OPTIONS, f"data.cache_dir={cache}", f"hydra.sweep.dir={self.folder}"]
        work.mkdir(exist_ok=True)

    def start(self, *grid: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(ROOT / "train.py"), "-m", *self.arguments, *grid]
        variables = environment() | {MARK: str(self.work)}
        with (self.work / "output").open("ab") as output:
            return subprocess.Popen(
                command, stdout=output, stderr=output, env=variables, start_new_session=True
            )

    def run(self, *grid: str) -> int:
        return self.start(*grid).wait(timeout=900)

    def output(self) -> str:
        return (self.work / "output").read_text()

    def processes(self) -> list[int]:
        """Processes of the sweep that are there."""
        mark = f"{MARK}={self.work}".encode()
        found = []
        for path in Path("/proc").iterdir():
            try:
                if path.name.isdigit() and mark in (path / "environ").read_bytes():
                    found.append(int(path.name))
            except OSError:
                continue
        return found

    def kill(self, process: "subprocess.Popen[bytes]", *, group: bool) -> None:
        """Kill the process alone, or its group, and wait until nothing is left."""
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        killed = time.monotonic()
        while self.processes():
            assert time.monotonic() - killed < GONE_WITHIN, "a process outlives its sweep"
            time.sleep(0.05)

    def results(self) -> dict[str, dict[str, str]]:
        """Hashes of weights, checkpoints, metrics, hypotheses, scores and so on of each cell."""
        return {path.parent.name: outcome(path.parent) for path in self.folder.glob("*/run.json")}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_training(sweeps: Sweeps) -> bool:
    return any(cell.step > 0 for cell in progress_of(sweeps.folder).cells)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_sweep_whose_process_alone_was_killed(tmp_path: Path, cache: Path) -> None:
    undisturbed, killed = Sweeps(tmp_path / "whole", cache), Sweeps(tmp_path / "killed", cache)
    assert undisturbed.run(*TWO) == 0, undisturbed.output()
    process = killed.start(*TWO, "sweep.jobs=2")
    wait_until(lambda: is_training(killed))
    killed.kill(process, group=False)
    states = [cell.state for cell in progress_of(killed.folder).cells]
    assert "running" not in states
    assert killed.run(*TWO, "sweep.jobs=2") == 0, killed.output()
    assert len(killed.results()) == 2
    assert killed.results() == undisturbed.results()
    assert killed.run(*TWO, "optimizer.learning_rate=1e-5") == 1
    assert killed.output().count("stale: optimizer.learning_rate: was ") == 2
    assert killed.results() == undisturbed.results()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twelve_cells_killed_three_times(tmp_path: Path, cache: Path) -> None:
    undisturbed, killed = Sweeps(tmp_path / "whole", cache), Sweeps(tmp_path / "killed", cache)
    started = time.monotonic()
    assert undisturbed.run(*TWELVE) == 0, undisturbed.output()
    duration = time.monotonic() - started
    draws = random.Random(1)
    for group in (True, False, True):
        process = killed.start(*TWELVE)
        time.sleep(draws.uniform(0.1, 0.3) * duration)
        assert process.poll() is None
        killed.kill(process, group=group)
    assert killed.run(*TWELVE) == 0, killed.output()
    assert len(killed.results()) == 12
    assert killed.results() == undisturbed.results()
    before = {path: path.stat().st_mtime_ns for path in killed.folder.glob("*/status.json")}
    wider = [item.replace("seed=1,2", "seed=1,2,3") for item in TWELVE]
    assert killed.run(*wider) == 0, killed.output()
    assert len(killed.results()) == 18
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert killed.run(*wider, "model.dropout=0.2") == 1
    assert killed.output().count("stale: model.dropout: was 0.1 ") == 18
